"""What the processes of one user have a limit of together, getrlimit(2): things to take of it, bounded."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import IPC, IPC_GET, IPC_PRIVATE
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import read

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply

SHM_LOCK = 11  # shmctl(2)
SIGNAL, SI_QUEUE, SIG_BLOCK = 40, -1, 0
"""A real-time signal: of these every one is kept, signal(7)."""
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Shared:
    """Something of which the processes of one user have a limit together."""

    slug: str
    what: str
    limit: int
    """Its number, getrlimit(2)."""
    room: int
    """The limit that a process in the box gets, beside what is in use: for `few` enough, with `many` too little."""
    few: Callable[[Proc, ExitStack], Reply]
    """Takes a little of it, and returns the reply of the call that the limit decides."""
    many: Callable[[Proc, ExitStack], Reply]
    """Takes more of it than `room`, by a process of the machine."""
    source: str
    spares_root: bool = False
    in_use: bool = False
    """/proc/PID/status tells how much its user has: root has others."""

    def given(self, proc: Proc) -> int:
        """The limit for `proc`: `room`, beside what its user has already where that is told."""
        told = re.search(rb"^SigQ:\s*(\d+)/", read(proc, "/proc/self/status").data, re.M) if self.in_use else None
        return self.room + (int(told[1]) if told else 0)


def _child(proc: Proc, undo: ExitStack) -> Reply:
    child, reply = proc.try_spawn()
    if child is not None:
        undo.callback(child.end)
    return reply


def _children(proc: Proc, undo: ExitStack) -> Reply:
    for _ in range(12):
        if not (reply := _child(proc, undo)).ok:
            break
    return reply


def _queued(count: int) -> Callable[[Proc, ExitStack], Reply]:
    def queue(proc: Proc, undo: ExitStack) -> Reply:
        program = Program(stop_on_error=True)
        program.rt_sigprocmask(SIG_BLOCK, 1 << (SIGNAL - 1))
        pid = program.getpid()
        for number in range(count):
            program.rt_sigqueueinfo(pid, SIGNAL, SI_QUEUE, number)
        replies = proc.run(program)
        return replies[len(replies) - 1]

    return queue


def _queues(count: int) -> Callable[[Proc, ExitStack], Reply]:
    """Message queues of 8 messages of 8 KiB; gone with the descriptors."""

    def opened(proc: Proc, undo: ExitStack) -> Reply:
        attributes = struct.pack("<8q", 0, 8, 8192, 0, 0, 0, 0, 0)
        for number in range(count):
            name = f"pytest-isolation-{os.urandom(6).hex()}-{number}"
            reply = proc.call("mq_open", name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, In(attributes))
            if not reply.ok:
                break
            proc.mq_unlink(name)
            undo.callback(proc.close, reply.value)
        return reply

    return opened


def _locked(size: int) -> Callable[[Proc, ExitStack], Reply]:
    """A segment of memory, which ends with its last process, locked for its user: shmctl(2) SHM_LOCK."""

    def lock(proc: Proc, undo: ExitStack) -> Reply:
        made = proc.shmget(IPC_PRIVATE, size, IPC_GET.CREAT | 0o600)
        if not made.ok:
            return made
        attached = proc.shmat(made.value)
        undo.callback(proc.shmdt, attached.value)
        proc.shmctl(made.value, IPC.RMID)
        return proc.shmctl(made.value, SHM_LOCK) if attached.ok else attached

    return lock


SHARED = (
    Shared("processes", "processes", 6, 4, _child, _children, "man:getrlimit(2), RLIMIT_NPROC", True),
    Shared(
        "pending-signals", "queued signals", 11, 8, _queued(1), _queued(48), "man:getrlimit(2), RLIMIT_SIGPENDING",
        in_use=True,
    ),
    Shared("message-queues", "message queues", 12, 150_000, _queues(1), _queues(4), "man:mq_overview(7)"),
    Shared(
        "locked-memory", "locked memory", 8, MIB // 2, _locked(MIB // 8), _locked(2 * MIB),
        "man:getrlimit(2), RLIMIT_MEMLOCK", True,
    ),
)  # fmt: skip
"""Of the limits those that a user's processes share, with a call that meets each."""
