"""Limits of processes that a box was asked to have: what its processes have, and whether they come further.

One start has all of them, for each guarantee that asks: together.py.
"""

from __future__ import annotations

import errno
import resource
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.boxes.process_limits import RESOURCES, Pair, ProcessLimit, limits_in
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.rights import capabilities
from pytest_isolation.errors import Unsupported
from pytest_isolation.outside.together import Part, Together

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.outside.box import Box

MIB = 1 << 20
SIG_BLOCK = 0
LOWEST = {
    "cpu": 3600, "fsize": 64 * MIB, "data": 4096 * MIB, "stack": 8 * MIB, "core": 0, "rss": 1024 * MIB, "nproc": 4096,
    "nofile": 1024, "memlock": 65536, "as": 1 << 36, "locks": 100, "sigpending": 1000, "msgqueue": 819_200, "nice": 1,
    "rtprio": 1, "rttime": 200_000,
}  # fmt: skip
"""With less of it a launcher, or the agent, may not come as far as the box."""
UNITS = dict.fromkeys(("fsize", "data", "stack", "core", "rss", "memlock", "as"), 4096)
MOST = {"nice": 40, "rtprio": 99}
"""What setrlimit(2) says is the highest value that means something."""


@dataclass(frozen=True, slots=True)
class Bite:
    """A limit, the last call below it, and the first beyond."""

    limit: ProcessLimit
    below: Reply
    beyond: Reply

    @property
    def kept(self) -> bool:
        """Whether the call beyond was refused as that limit refuses."""
        return self.beyond.errno in ERRNOS[self.limit.resource]


ERRNOS = {"nofile": (errno.EBADF, errno.EMFILE), "fsize": (errno.EFBIG,)}
"""dup3(2) of a number that no file can have; a write beyond the limit, setrlimit(2) RLIMIT_FSIZE."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Of drawn limits: units of the soft ones above LOWEST, by RESOURCES, and of each hard one above its soft one."""

    soft: tuple[int, ...]
    more: int

    def limits(self, known: frozenset[str]) -> tuple[ProcessLimit, ...]:
        """Those of `known`, and none above what this user may ask for."""
        found, above = [], ours()
        for name, steps in zip(RESOURCES, self.soft, strict=True):
            if name in known:
                most = min(MOST.get(name, 1 << 62), above.get(name, 1 << 62))
                unit = UNITS.get(name, 1)
                soft = LOWEST[name] + steps * unit
                found.append(ProcessLimit(name, min(soft, most), min(soft + self.more * unit, most)))
        return tuple(found)


def limits_of_proc(proc: Proc) -> dict[str, Pair]:
    """prlimit(2) of each resource, asked by `proc` of itself."""
    program = Program()
    asked = {name: program.prlimit64(0, number) for number, name in enumerate(RESOURCES)}
    replies = proc.run(program)
    return {name: struct.unpack("<2Q", replies[step].data[:16]) for name, step in asked.items() if replies[step].ok}


def _limits(box: Box, _: tuple[ProcessLimit, ...]) -> list[dict[str, Pair]]:
    """Of the process that the agent is, and of one that it makes."""
    with box.spawn() as child:
        return [limits_of_proc(box.proc), limits_of_proc(child)]


def bites(box: Box, asked: tuple[ProcessLimit, ...]) -> list[Bite]:
    """Of those limits that ERRNOS has, tried by a process of the box."""
    limits = {one.resource: one for one in asked}
    found = []
    with box.spawn() as child:
        if (files := limits.get("nofile")) is not None:
            found.append(Bite(files, child.dup3(0, files.soft - 1), child.dup3(0, files.soft)))
            child.close(files.soft - 1)
        if (size := limits.get("fsize")) is not None and (made := child.memfd_create("limited", 0)).ok:
            # A write beyond the limit sends SIGXFSZ as well.
            child.rt_sigprocmask(SIG_BLOCK, 1 << (signal.SIGXFSZ - 1))
            below = child.pwrite64(made.value, b"x", size.soft - 1)
            found.append(Bite(size, below, child.pwrite64(made.value, b"x", size.soft)))
            child.close(made.value)
    return found


@contextmanager
def _started(box: Box, asked: tuple[ProcessLimit, ...]) -> Iterator[Box]:
    with box.fresh(awaited=False, process_limits=asked) as fresh:
        yield fresh


HAS = Part(_started, _limits)
"""Of each of two processes: resource -> soft and hard."""
MET = Part(_started, bites)
"""What is tried below and beyond the soft limits of ERRNOS."""
ASKED = Together(_started, HAS, MET)


def recorded(box: Box) -> tuple[ProcessLimit, ...]:
    """What a running box of somebody else's was asked to have.  Raises Unsupported where no record has anything."""
    if not box.parts.process_limits:
        raise Unsupported("no limits of its processes were asked for, as far as any record here tells")
    return box.parts.process_limits


def of_first(box: Box, asked: tuple[ProcessLimit, ...]) -> dict[str, Pair]:
    """Limits of the first process, those of `asked` at least, by /proc/PID/limits of its machine.

    prlimit(2) of another user's process is for CAP_SYS_RESOURCE in its user namespace; that file is for everybody.
    Raises Unsupported where nobody outside can read them: what was not seen is not missing.
    """
    pid = box.parts.init_pid
    if pid is None:
        raise Unsupported("no process of the box is one of its machine's: nobody outside reads its limits")
    try:
        text = text_of(box.outside.path(f"/proc/{pid}/limits"))
    except OSError as error:
        raise Unsupported(f"the limits of the box's first process cannot be read on its machine ({error})") from error
    found = limits_in(text)
    if unread := [one.resource for one in asked if one.resource not in found]:
        raise Unsupported(f"/proc/{pid}/limits of the box's machine does not tell {', '.join(unread)}")
    return found


def ours() -> dict[str, int]:
    """Hard limits above which this user cannot ask; empty where a launcher of ours may raise its own."""
    if "SYS_RESOURCE" in capabilities():
        return {}
    hard = {name: resource.prlimit(0, number)[1] for number, name in enumerate(RESOURCES)}
    return {name: most for name, most in hard.items() if most != resource.RLIM_INFINITY}
