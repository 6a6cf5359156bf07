"""Root in the box cannot mount."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.outside.mounts import mounted, private_mounts
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.mount-denied",
    claim="mount(2) by root in the box adds no mount to what it sees",
    sources=("man:mount(2)", "man:capabilities(7) CAP_SYS_ADMIN"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    intrusive=True,
)


@promise
@given(kind=st.sampled_from(["tmpfs", "ramfs", "bind"]), place=st.sampled_from(["/tmp", "/mnt"]), name=tokens())
def test_mount_is_refused(box: Box, kind: str, place: str, name: str) -> None:
    target = f"{place}/{name}"
    box.proc.mkdirat(-100, target, 0o700)
    with private_mounts(box) as proc:
        reply = proc.mount("/etc", target, None, 4096) if kind == "bind" else proc.mount(kind, target, kind)
        shown = mounted(proc, target)
    box.proc.unlinkat(-100, target, 0x200)
    promise.held("refused")
    promise.require(not shown, reply, mountinfo=shown)
