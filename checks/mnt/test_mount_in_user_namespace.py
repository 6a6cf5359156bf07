"""A user namespace made in the box is no way to mount."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.outside.mounts import CLONE_NEWNS, CLONE_NEWUSER, mounted
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.userns-mount-denied",
    claim="no process of the box becomes root of a user namespace and mounts there",
    sources=("man:user_namespaces(7)", "docker:seccomp security profiles"),
    falsified_by=weaken.drop("seccomp"),
)


@promise
@given(kind=st.sampled_from(["tmpfs", "bind"]), name=tokens())
def test_user_namespace_mounts_nothing(box: Box, kind: str, name: str) -> None:
    target = f"{box.scratch}/{name}"
    box.proc.mkdirat(-100, target, 0o755)
    child, reply = box.proc.try_spawn(CLONE_NEWUSER | CLONE_NEWNS)
    shown = ""
    if child is not None:
        with child as proc:
            reply = proc.mount("/etc", target, None, 4096) if kind == "bind" else proc.mount(kind, target, kind)
            shown = mounted(proc, target)
    box.proc.unlinkat(-100, target, 0x200)
    promise.held("refused")
    promise.require(not shown, reply, mountinfo=shown)
