"""IPC objects of the host's, or of a box's, that everybody there may use: each is gone after its example.

However the run ends: `of` says whose they are, the host's where it is not given.  An object of a box goes with the box;
where the box has the host's IPC namespace it is written down as one of the host's.
"""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import IPC, IPC_GET, IPC_PRIVATE
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.objects import remove_by
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import BoxError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

GETALL, SETALL = 13, 17
PAGE = 4096
SHM_NORESERVE = 0o10000
"""shmget(2)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of shared memory, shmget(2), that a process of `box` has made."""

    box: Box
    identifier: int
    size: int
    """Bytes: random, so that a segment of the same identifier elsewhere is not taken for this one."""

    def attached(self) -> int:
        """How many times it is attached now, as the host counts (proc_sysvipc(5)); its maker is one."""
        for line in text_of(self.box.outside.path("/proc/sysvipc/shm")).splitlines()[1:]:
            fields = line.split()
            if int(fields[1]) == self.identifier:
                return int(fields[6])
        return 0


@contextmanager
def _maker(box: Box, of: Box | None) -> Iterator[Proc]:
    if of is not None:
        with of.spawn() as proc:
            yield proc
        return
    with box.outside.process() as process:
        yield process.proc


@contextmanager
def segment(box: Box, of: Box | None = None) -> Iterator[Segment]:
    """Marked for removal as soon as it is made: it is there while its maker lives, and no longer, however we end.

    Raises Unsupported where the kernel has no System V IPC.
    """
    with _maker(box, of) as maker:
        size = PAGE * (1000 + secrets.randbelow(100_000))
        program = Program(stop_on_error=True)
        # Its size is a name: nothing is reserved for it, which a small guest has not to give.
        made = program.shmget(IPC_PRIVATE, size, IPC_GET.CREAT | SHM_NORESERVE | 0o666)
        program.shmat(made)
        program.shmctl(made, IPC.RMID)
        replies = maker.run(program)
        if len(replies) < len(program):
            raise Unsupported(f"no shared memory to witness with: {replies[len(replies) - 1]}")
        yield Segment(box, replies[made].value, size)


@dataclass(frozen=True, slots=True)
class Object:
    """A set of semaphores, or a message queue, that everybody there may use."""

    proc: Proc
    """A process of where it is."""
    identifier: int
    key: int
    secret: bytes
    """What only somebody who reaches it can tell: the semaphores' values, a message of type `kind`."""
    kind: int = 0


@contextmanager
def semaphores(box: Box, of: Box | None = None) -> Iterator[Object]:
    """Sixteen of them, with random values.  Raises Unsupported where the kernel has none."""
    secret = b"".join(secrets.randbelow(30_000).to_bytes(2, "little") for _ in range(16))
    with _registered(box, "sem", of) as (proc, key):
        made = proc.semget(key, 16, IPC_GET.CREAT | IPC_GET.EXCL | 0o666)
        if not made.ok:
            raise Unsupported(f"no semaphores to witness with: {made}")
        must(proc.semctl(made.value, 0, SETALL, In(secret)), "giving semaphores their values")
        yield Object(proc, made.value, key, secret)


@contextmanager
def queue(box: Box, text: str, of: Box | None = None) -> Iterator[Object]:
    """A System V message queue with one message, of a random type.  Raises Unsupported where the kernel has none."""
    kind = 1 + secrets.randbelow(1 << 31)
    with _registered(box, "msg", of) as (proc, key):
        made = proc.msgget(key, IPC_GET.CREAT | IPC_GET.EXCL | 0o666)
        if not made.ok:
            raise Unsupported(f"no message queue to witness with: {made}")
        must(proc.msgsnd(made.value, kind, text.encode(), IPC_GET.NOWAIT), "sending a message")
        yield Object(proc, made.value, key, text.encode(), kind)


@contextmanager
def named_queue(box: Box, prefix: str, of: Box | None = None) -> Iterator[str]:
    """A POSIX message queue of mode 0666; gives its name, which begins with `prefix`.

    Raises Unsupported where the kernel has none.
    """
    name = f"{prefix}-{secrets.token_hex(6)}"
    with _maker(box, of) as maker:
        handle = f"mq {name}"
        if box.lifetime is not None:
            box.parts.host.register_ipc(box.lifetime, handle)
        maker.umask(0)
        made = maker.mq_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if not made.ok:
            raise Unsupported(f"no message queue to witness with: {made}")
        try:
            yield name
        finally:
            # gVisor refuses mq_unlink(3) to a root without CAP_DAC_OVERRIDE; there a queue goes with its box.
            goes_with_the_box = of is not None and not of.parts.shares_kernel
            with suppress(BoxError) if goes_with_the_box else nullcontext():
                remove_by(maker, handle)


@contextmanager
def _registered(box: Box, kind: str, of: Box | None) -> Iterator[tuple[Proc, int]]:
    """A process of where it is to be, and a key under which it may make one object, removed after the block."""
    key = 1 + secrets.randbelow((1 << 31) - 1)
    handle = f"{kind} {key}"
    with _maker(box, of) as maker:
        if box.lifetime is not None:
            box.parts.host.register_ipc(box.lifetime, handle)
        try:
            yield maker, key
        finally:
            remove_by(maker, handle)
