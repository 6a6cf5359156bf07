"""A fresh /proc, without the masks of the box's own, cannot be mounted."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.outside.mounts import CLONE_NEWPID, CLONE_NEWUSER, mounted, private_mounts
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.fresh-proc-denied",
    claim="no process of the box mounts another /proc, in whatever namespaces it may make",
    sources=("man:user_namespaces(7)", "man:mount_namespaces(7)", "man:proc(5)"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    distinct="in a user namespace the kernel allows tmpfs and refuses a /proc that shows more than the one there is",
)


@promise
@given(userns=st.booleans(), read_only=st.booleans(), name=tokens())
def test_no_fresh_proc(box: Box, userns: bool, read_only: bool, name: str) -> None:
    target = f"{box.scratch}/{name}"
    box.proc.mkdirat(-100, target, 0o755)
    with private_mounts(box, CLONE_NEWPID | (CLONE_NEWUSER if userns else 0)) as proc:
        reply = proc.mount("proc", target, "proc", int(read_only))
        shown = mounted(proc, target)
    box.proc.unlinkat(-100, target, 0x200)
    promise.held("refused")
    promise.require(not shown, reply, mountinfo=shown)
