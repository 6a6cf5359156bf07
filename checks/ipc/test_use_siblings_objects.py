"""IPC objects of a sibling are out of reach, though everybody in that box may use them: one kind at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.agent.constants import IPC, IPC_GET
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.outside.objects.ipc import GETALL, named_queue, queue, segment, semaphores
from pytest_isolation.strategies import tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pytest_isolation.agent.client import Proc, Reply

Took = tuple[bool, "Reply"]
"""Whether it was the sibling's, and the reply that said so."""


@contextmanager
def _segment(box: Box, sibling: Box, token: str) -> Iterator[Callable[[Proc], Took]]:
    with segment(box, sibling) as theirs:

        def take(proc: Proc) -> Took:
            found = proc.shmctl(theirs.identifier, IPC.STAT)
            # struct shmid64_ds: the size is behind the 48 bytes of struct ipc64_perm.
            return found.ok and int.from_bytes(found.data[48:56], "little") == theirs.size, found

        yield take


@contextmanager
def _semaphores(box: Box, sibling: Box, token: str) -> Iterator[Callable[[Proc], Took]]:
    with semaphores(box, sibling) as theirs:

        def take(proc: Proc) -> Took:
            found = proc.semget(theirs.key, 0, 0)
            identifier = found.value if found.ok else theirs.identifier
            got = proc.semctl(identifier, 0, GETALL, OutBuffer(len(theirs.secret)))
            return got.data == theirs.secret, got

        yield take


@contextmanager
def _queue(box: Box, sibling: Box, token: str) -> Iterator[Callable[[Proc], Took]]:
    with queue(box, token, sibling) as theirs:

        def take(proc: Proc) -> Took:
            found = proc.msgget(theirs.key, 0)
            identifier = found.value if found.ok else theirs.identifier
            got = proc.msgrcv(identifier, 200, theirs.kind, IPC_GET.NOWAIT)
            return theirs.secret in got.data, got

        yield take


@contextmanager
def _named_queue(box: Box, sibling: Box, token: str) -> Iterator[Callable[[Proc], Took]]:
    with named_queue(box, token, sibling) as name:

        def take(proc: Proc) -> Took:
            opened = proc.mq_open(name, os.O_RDWR | os.O_CLOEXEC)
            if opened.ok:
                proc.close(opened.value)
            return opened.ok, opened

        yield take


@dataclass(frozen=True, slots=True)
class Kind:
    slug: str
    name: str
    does: str
    """What a box does that breaks it."""
    why: str
    made: Callable[[Box, Box, str], AbstractContextManager[Callable[[Proc], Took]]]
    """Makes one in the second box, for as long as the block lasts, and gives how to take it from the first."""


KINDS = (
    Kind("segments", "shared memory segments", "finds shared memory of a neighbour", "memory, which is read", _segment),
    Kind("semaphores", "semaphores", "reads semaphores of a neighbour", "who waits for whom", _semaphores),
    Kind("queues", "System V message queues", "takes messages of a neighbour", "messages, which are gone then", _queue),
    Kind(
        "named-queues",
        "POSIX message queues",
        "opens message queues of a neighbour",
        "names, not numbers",
        _named_queue,
    ),
)

apart = family(
    "ipc.sibling-{entry.slug}-unreachable",
    over=KINDS,
    claim="no process of the box reaches {entry.name} of another box from the same spec, though everybody there may",
    sources=("man:ipc_namespaces(7)", "man:sysvipc(7)", "man:mq_overview(7)"),
    severity=lambda entry: severity.neighbour(entry.does),
    falsified_by=weaken.join_sibling("ipc"),
    kind="per-window",
    distinct="{entry.name} of a sibling: {entry.why}; boxes of one pod share them and need not share the host's",
)


@apart
@given(child=st.booleans(), token=tokens())
def test_siblings_object_is_out_of_reach(box: Box, promise: Guarantee, entry: Kind, child: bool, token: str) -> None:
    with entry.made(box, box.sibling, token) as take, box.spawn() as other:
        taken, reply = take(other if child else box.proc)
        promise.require(not taken, reply, sibling=f"its {entry.name}")
