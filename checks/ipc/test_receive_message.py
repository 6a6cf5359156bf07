"""A message queue of the host is out of reach from inside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import IPC_GET
from pytest_isolation.outside.objects.ipc import queue
from pytest_isolation.strategies import tokens

promise = guarantee(
    "ipc.sysv-msg-isolated",
    claim="no process of the box receives a message from a System V queue of the host, though everybody there may",
    sources=("man:ipc_namespaces(7)", "man:msgrcv(2)"),
    severity=severity.host("takes messages from queues of the host"),
    falsified_by=weaken.share("ipc"),
    kind="per-window",
    distinct="message queues, not shared memory: a filter may know the one call and not the other",
)


@promise
@given(by_key=st.booleans(), token=tokens())
def test_message_is_out_of_reach(box: Box, by_key: bool, token: str) -> None:
    with queue(box, token) as theirs:
        found = box.proc.msgget(theirs.key, 0)
        identifier = found.value if by_key and found.ok else theirs.identifier
        got = box.proc.msgrcv(identifier, 200, theirs.kind, IPC_GET.NOWAIT)
        promise.require(theirs.secret not in got.data, found, got, received=token)
