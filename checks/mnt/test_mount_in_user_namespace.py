"""A user namespace made in the box is no way to mount."""

from errno import EAGAIN, ENOMEM

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import CLONE
from pytest_isolation.outside.objects.mounts import MS_REC_BIND, Target, place, take_away

promise = guarantee(
    "mnt.userns-mount-denied",
    claim="no process of the box becomes root of a user namespace and mounts there",
    sources=("man:user_namespaces(7)", "docker:seccomp security profiles"),
    severity=severity.surface("mounts as root of a user namespace it makes"),
    falsified_by=weaken.drop("seccomp"),
)
BOTH = CLONE.NEWUSER | CLONE.NEWNS


@promise
@given(kind=st.sampled_from(["tmpfs", "bind"]), how=st.sampled_from(["clone", "unshare"]), which=st.integers(0, 30))
def test_user_namespace_mounts_nothing(box: Box, kind: str, how: str, which: int) -> None:
    promise.held("refused")
    # clone(2)'s flags and unshare(2) are two calls to a filter.
    child, reply = box.proc.try_spawn(BOTH if how == "clone" else 0)
    if child is None:
        if how == "unshare":
            promise.prepared(reply, "a process to leave its namespace")
        promise.tried(reply, vain=(EAGAIN, ENOMEM))  # no room for one more process: no word on namespaces
        promise.require(True, reply)
        return
    with child as proc:
        left = reply if how == "clone" else proc.unshare(BOTH)
        if not left.ok:
            promise.tried(left, vain=(EAGAIN, ENOMEM))
            promise.require(True, left)
            return
        # The mounts of a user namespace of one's own are slaves of those they were copied from: nobody sees them.
        with place(box, which, closed=box.parts.shares_kernel) as path:
            at = Target(proc, path)
            reply = proc.mount("/", path, None, MS_REC_BIND) if kind == "bind" else proc.mount(kind, path, kind)
            promise.tried(reply)
            shown = at.shown()
            take_away(at)
    promise.require(not shown, left, reply, mountinfo=shown)
