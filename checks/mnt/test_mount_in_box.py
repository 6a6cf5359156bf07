"""Root in the box cannot mount."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.mount-denied",
    claim="neither mount(2) nor the calls that replace it work for root in the box",
    sources=("man:mount(2)", "man:fsopen(2)", "man:capabilities(7)"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    oracle="errno",
)


@promise
@given(
    how=st.sampled_from(["mount", "bind", "fsopen", "open_tree"]),
    kind=st.sampled_from(["tmpfs", "proc"]),
    name=tokens(),
)
def test_mount_is_refused(box: Box, how: str, kind: str, name: str) -> None:
    target = f"/tmp/{name}"
    box.proc.mkdirat(-100, target, 0o700)
    with box.spawn() as proc:
        match how:
            case "mount":
                reply = proc.mount(kind, target, kind)
            case "bind":
                reply = proc.mount("/etc", target, None, 4096)
            case "fsopen":
                reply = proc.fsopen(kind)
            case _:
                reply = proc.open_tree(-100, target, 1)  # OPEN_TREE_CLONE
        if reply.ok and how in ("mount", "bind"):
            proc.umount2(target, 2)
    box.proc.unlinkat(-100, target, 0x200)
    promise.held("refused")
    promise.require(not reply.ok, reply)
