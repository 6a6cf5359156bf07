"""The devices that every program counts on: what they are by their numbers, and what they do."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EAGAIN, EIO, ENOSPC, ENXIO
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program, Replies, Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.errors import Undecided
from pytest_isolation.outside.behaviour.play import outcome, shown

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.agent.memory import Step

NUMBERS = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
"""Linux Documentation/admin-guide/devices.txt; the default devices of the OCI runtime specification, besides a console
and the multiplexer of terminals."""
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
"""Its default symbolic links (runtime-linux.md), which may come to the same by another way: `fd/0`."""
RANDOM = ("random", "urandom")
RANDOM_MOST, FEW = 256, 8
PATTERN = b"\x5a"


@dataclass(frozen=True, slots=True)
class _Asked:
    looked: Step
    opened: Step
    reads: tuple[Step, ...]
    written: Step | None


def wrong(proc: Proc, size: int) -> Mapping[str, str]:
    """What is not as it should be when `size` bytes are read and written, 16 to 4096: device -> words.

    Raises Undecided where that is nothing, and nobody sees what the links should lead to.
    """
    program = Program()
    asked = {name: _ask(program, name, size) for name in NUMBERS}
    links = {name: program.statx(AT_FDCWD, f"/dev/{name}") for name in LINKS}
    meant = {name: program.statx(AT_FDCWD, target) for name, target in LINKS.items()}
    replies = proc.run(program)
    found = {name: _wrong(name, one, replies, size) for name, one in asked.items()}
    for name, target in LINKS.items():
        if replies[meant[name]].ok and _inode(replies[links[name]]) != _inode(replies[meant[name]]):
            found[name] = f"{outcome(replies[links[name]], lambda _: 'something else')}, expected {target}"
    told = {name: said for name, said in found.items() if said}
    if not told and not (seen := replies[meant["fd"]]).ok:
        raise Undecided(f"{LINKS['fd']}, which /dev/fd should lead to, cannot be seen: {outcome(seen, str)}")
    return told


def _ask(program: Program, name: str, size: int) -> _Asked:
    looked = program.statx(AT_FDCWD, f"/dev/{name}")
    fd = program.openat(AT_FDCWD, f"/dev/{name}", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if name == "tty":
        program.close(fd)
        return _Asked(looked, fd, (), None)
    random = name in RANDOM
    reads = tuple(program.read(fd, min(size, RANDOM_MOST) if random else size) for _ in range(2))
    written = None if random else program.write(fd, PATTERN * size)
    program.close(fd)
    return _Asked(looked, fd, reads, written)


def _wrong(name: str, asked: _Asked, replies: Replies, size: int) -> str:
    """In words; empty where all is right."""
    looked, opened = replies[asked.looked], replies[asked.opened]
    if not looked.ok:
        return outcome(looked, str)
    mode, *number = struct.unpack_from("<H", looked.data, 28) + struct.unpack_from("<2I", looked.data, 128)
    if not stat.S_ISCHR(mode) or tuple(number) != NUMBERS[name]:
        kind = f"device {number[0]}:{number[1]}" if stat.S_ISCHR(mode) else f"of mode {mode:o}"
        return f"{kind}, expected character device {NUMBERS[name][0]}:{NUMBERS[name][1]}"
    if name == "tty":  # a process without a controlling terminal has none: ENXIO, and EIO of gVisor's kernel
        return "" if opened.errno in (0, ENXIO, EIO) else outcome(opened, str)
    if not opened.ok:
        return outcome(opened, str)
    return _bytes(name, [replies[step] for step in asked.reads], size) or _taken(name, asked, replies, size)


def _bytes(name: str, reads: list[Reply], size: int) -> str:
    if name in RANDOM:
        if any(one.errno == EAGAIN for one in reads):
            return ""  # a machine that has just started has none yet: random(4)
        # Fewer than were asked for may come: read(2).  Of a few bytes two may be equal.
        first, then = (one.data for one in reads)
        right = first and then and (first != then or min(len(first), len(then)) < FEW)
        return "" if right else f"gives {shown(first)}, then {shown(then)}"
    wanted = b"" if name == "null" else bytes(size)
    return next(
        (f"read gives {outcome(one, lambda a: shown(a.data))}" for one in reads if not one.ok or one.data != wanted), ""
    )


def _taken(name: str, asked: _Asked, replies: Replies, size: int) -> str:
    if asked.written is None:
        return ""
    reply = replies[asked.written]
    right = reply.errno == ENOSPC if name == "full" else reply.value == size
    return "" if right else f"write of {size} bytes gives {outcome(reply, lambda one: str(one.value))}"


def _inode(reply: Reply) -> tuple[int, ...]:
    """statx(2): stx_ino at 32, the device's numbers at 136."""
    return struct.unpack_from("<Q", reply.data, 32) + struct.unpack_from("<2I", reply.data, 136) if reply.ok else ()
