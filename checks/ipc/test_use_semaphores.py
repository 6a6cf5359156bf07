"""Semaphores of the host are out of reach from inside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.outside.objects.ipc import GETALL, semaphores

promise = guarantee(
    "ipc.sysv-sem-isolated",
    claim="no process of the box reads or finds System V semaphores of the host, though everybody there may",
    sources=("man:ipc_namespaces(7)", "man:semctl(2)"),
    severity=severity.host("reaches semaphores of the host"),
    falsified_by=weaken.share("ipc"),
    kind="per-window",
    distinct="semaphores, not shared memory: a filter may know the one call and not the other",
)


@promise
@given(by_key=st.booleans(), child=st.booleans())
def test_semaphores_are_out_of_reach(box: Box, by_key: bool, child: bool) -> None:
    with semaphores(box) as theirs, box.spawn() as other:
        proc = other if child else box.proc
        found = proc.semget(theirs.key, 0, 0)
        identifier = found.value if by_key and found.ok else theirs.identifier
        got = proc.semctl(identifier, 0, GETALL, OutBuffer(len(theirs.secret)))
        # The same number may name semaphores of the box's own: their values are not these.
        promise.require(got.data != theirs.secret, found, got, values="those of the host's semaphores")
