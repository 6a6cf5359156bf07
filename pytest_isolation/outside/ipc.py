"""IPC objects of the host's that everybody there may use: each is gone after its example, however the run ends."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.objects import remove_by
from pytest_isolation.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

IPC_PRIVATE, IPC_CREAT, IPC_EXCL, IPC_RMID, IPC_NOWAIT = 0, 0o1000, 0o2000, 0, 0o4000
GETALL, SETALL = 13, 17
PAGE = 4096


@dataclass(frozen=True, slots=True)
class Segment:
    box: Box
    identifier: int
    size: int
    """Bytes: random, so that a segment of the same identifier elsewhere is not taken for this one."""

    def attached(self) -> int:
        """How many times it is attached now, as the host counts (proc_sysvipc(5)); its maker is one."""
        for line in (
            self.box.outside.path("/proc/sysvipc/shm")
            .read_text(encoding="utf-8", errors="surrogateescape")
            .splitlines()[1:]
        ):
            fields = line.split()
            if int(fields[1]) == self.identifier:
                return int(fields[6])
        return 0


@contextmanager
def segment(box: Box) -> Iterator[Segment]:
    """Marked for removal as soon as it is made: it is there while its maker lives, and no longer, however we end.

    Raises Unsupported where the kernel has no System V IPC.
    """
    with box.outside.process() as maker:
        size = PAGE * (1000 + secrets.randbelow(100_000))
        program = Program(stop_on_error=True)
        made = program.shmget(IPC_PRIVATE, size, IPC_CREAT | 0o666)
        program.shmat(made)
        program.shmctl(made, IPC_RMID)
        replies = maker.proc.run(program)
        if len(replies) < len(program):
            raise Unsupported(f"no shared memory to witness with: {replies[len(replies) - 1]}")
        yield Segment(box, replies[made].value, size)


@dataclass(frozen=True, slots=True)
class Object:
    """A set of semaphores, or a message queue, of the host's, that everybody there may use."""

    proc: Proc
    """A process of the host."""
    identifier: int
    key: int
    secret: bytes
    """What only somebody who reaches it can tell: the semaphores' values, a message of type `kind`."""
    kind: int = 0


@contextmanager
def semaphores(box: Box) -> Iterator[Object]:
    """Sixteen of them, with random values.  Raises Unsupported where the kernel has none."""
    secret = b"".join(secrets.randbelow(30_000).to_bytes(2, "little") for _ in range(16))
    with _registered(box, "sem") as (proc, key):
        made = proc.semget(key, 16, IPC_CREAT | IPC_EXCL | 0o666)
        if not made.ok:
            raise Unsupported(f"no semaphores to witness with: {made}")
        must(proc.semctl(made.value, 0, SETALL, In(secret)), "giving semaphores their values")
        yield Object(proc, made.value, key, secret)


@contextmanager
def queue(box: Box, text: str) -> Iterator[Object]:
    """A System V message queue with one message, of a random type.  Raises Unsupported where the kernel has none."""
    kind = 1 + secrets.randbelow(1 << 31)
    with _registered(box, "msg") as (proc, key):
        made = proc.msgget(key, IPC_CREAT | IPC_EXCL | 0o666)
        if not made.ok:
            raise Unsupported(f"no message queue to witness with: {made}")
        must(proc.msgsnd(made.value, kind, text.encode(), IPC_NOWAIT), "sending a message")
        yield Object(proc, made.value, key, text.encode(), kind)


@contextmanager
def named_queue(box: Box, name: str) -> Iterator[None]:
    """A POSIX message queue called `name`, of mode 0666.  Raises Unsupported where the kernel has none."""
    with box.outside.process() as maker:
        handle = f"mq {name}"
        if box.lifetime is not None:
            box.parts.ground.register_ipc(box.lifetime, handle)
        maker.proc.umask(0)
        made = maker.proc.mq_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if not made.ok:
            raise Unsupported(f"no message queue to witness with: {made}")
        try:
            yield
        finally:
            remove_by(maker.proc, handle)


@contextmanager
def _registered(box: Box, kind: str) -> Iterator[tuple[Proc, int]]:
    """A process of the host, and a key under which it may make one object, which is removed after the block."""
    key = 1 + secrets.randbelow((1 << 31) - 1)
    handle = f"{kind} {key}"
    with box.outside.process() as maker:
        if box.lifetime is not None:
            box.parts.ground.register_ipc(box.lifetime, handle)
        try:
            yield maker.proc, key
        finally:
            remove_by(maker.proc, handle)
