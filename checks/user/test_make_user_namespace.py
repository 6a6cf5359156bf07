"""No process of the box becomes root of a user namespace of its own."""

from errno import EAGAIN, ENOMEM

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import CLONE

promise = guarantee(
    "user.namespace-denied",
    claim="neither clone(2) nor unshare(2) gives a process of the box a user namespace, and with it every capability",
    sources=("man:user_namespaces(7)", "docker:seccomp security profiles"),
    severity=severity.surface("becomes root of a user namespace it makes"),
    falsified_by=weaken.drop("seccomp"),
    distinct="the namespace itself, with all that opens there; the other asks whether one mounts in it",
)


@promise
@given(how=st.sampled_from(["clone", "unshare"]))
def test_no_user_namespace_is_made(box: Box, how: str) -> None:
    """Who is in a new one has no id there until it is mapped: getuid(2) gives another number than before."""
    promise.held("refused")
    before = box.proc.getuid().value
    child, reply = box.proc.try_spawn(CLONE.NEWUSER if how == "clone" else 0)
    if child is None:
        if how == "unshare":
            promise.prepared(reply, "a process to leave its namespace")
        promise.tried(reply, vain=(EAGAIN, ENOMEM))  # no room for one more process: no word on namespaces
        promise.require(True, reply)
        return
    with child as proc:
        made = reply if how == "clone" else proc.unshare(CLONE.NEWUSER)
        after = proc.getuid().value
        capabilities = proc.capget().data
        promise.tried(made, vain=(EAGAIN, ENOMEM))
    promise.require(after == before, made, uid_before=before, uid_after=after, capabilities=capabilities[:4].hex())
