"""What runs in a box that is kept in files and goes on elsewhere: put there before, and looked for afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import must, read
from pytest_isolation.boxes import counting
from pytest_isolation.errors import BoxError, Undecided
from pytest_isolation.outside.together import once
from pytest_isolation.outside.transfer.carried import alike

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

PAGE = 4096
PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS = 3, 0x22  # mmap(2)
FROM = 3
"""Where it has read to in its file, before it moves."""
NAMES = {"boot ID": "/proc/sys/kernel/random/boot_id", "host name": "/proc/sys/kernel/hostname"}


@dataclass(frozen=True, slots=True)
class Look:
    """What the first process of the box finds."""

    counter: int
    memory: bytes
    """What is at the address where it had the bytes."""
    file: bytes
    """The rest of a file that has no name any more, from where it had read to."""
    pipe: bytes
    """What is in its pipe."""
    names: dict[str, str]
    """Of NAMES, but those that the box does not let us read."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Before and after; `later`: the counter, a moment after."""

    before: Look
    after: Look
    later: int


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that goes on.  `lost`: what differs, by name; nothing where it does not."""

    slug: str
    what: str
    does: str
    why: str
    lost: Callable[[Moved], dict[str, str]]


def _counter(moved: Moved) -> dict[str, str]:
    before, after, later = moved.before.counter, moved.after.counter, moved.later
    return {} if before <= after < later else {"counter": f"{before} before, {after} after, {later} a moment later"}


def _same(*fields: str) -> Callable[[Moved], dict[str, str]]:
    def lost(moved: Moved) -> dict[str, str]:
        pairs = {name: (getattr(moved.before, name), getattr(moved.after, name)) for name in fields}
        return {name: f"{one!r:.60} before, {two!r:.60} after" for name, (one, two) in pairs.items() if one != two}

    return lost


def _names(moved: Moved) -> dict[str, str]:
    if refused := NAMES.keys() - moved.before.names.keys():
        raise Undecided(f"the box does not let us read its {' and '.join(sorted(refused))}")
    return _same("names")(moved)


ASPECTS = (
    Aspect(
        "counter", "its processes, which go on with what they were at", "loses its processes when it moves",
        "a process that was at work: the call that it was in is not made anew", _counter,
    ),
    Aspect(
        "memory", "what is in the memory of its processes, at the same addresses", "loses memory when it moves",
        "bytes that are in no file", _same("memory"),
    ),
    Aspect(
        "open-files", "its open files, at the same place in them, those without a name too, and what is in its pipes",
        "loses open files when it moves", "what processes have open, which no file of a disk tells of",
        _same("file", "pipe"),
    ),
    Aspect(
        "names", "the boot ID and the host name that it had", "has another boot ID or name when it moves",
        "by these a program tells that its machine was started anew", _names,
    ),
)  # fmt: skip


def moved(box: Box, data: bytes) -> Moved:
    """A box like `box`, with `data` in its first process, before and after it has moved; once for the latest: once().

    Raises Unsupported where its technology moves none, BoxError.
    """
    return once(box, ("moved", data), lambda: _moved(box, data))


def _moved(box: Box, data: bytes) -> Moved:
    if box.parts.move is None:
        box.moved()  # says why it cannot be
    with alike(box, uid=0, gid=0, workdir="/") as first:
        proc, path = first.proc, f"{first.scratch}/counter"
        found = _put(proc, f"{first.scratch}/file", data)
        counting.count(proc, path)
        counting.counted_to(proc, path, above=10)
        before = _look(proc, path, found, data)
        if (before.memory, before.file, before.pipe) != (data, b"%d: " % FROM + data[FROM:], data):
            raise BoxError(f"the box has not what was put into it, before it moves: {before}")
        there = first.moved().proc
        after = _look(there, path, found, data)
        return Moved(before, after, _later(there, path, before.counter, after.counter))


def _later(proc: Proc, path: str, before: int, after: int) -> int:
    """The counter once it is above `after`, or what it stays at; one that is not what it was is not waited for."""
    if after >= before:
        with suppress(BoxError):
            return counting.counted_to(proc, path, above=after)
    return counting.counted(proc, path)


@dataclass(frozen=True, slots=True)
class _Put:
    """Numbers of what is open, and an address."""

    memory: int
    address: int
    file: int
    reader: int
    writer: int


def _put(proc: Proc, path: str, data: bytes) -> _Put:
    address = must(proc.mmap(0, PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0), "memory").value
    memory = must(proc.openat(AT_FDCWD, "/proc/self/mem", os.O_RDWR | os.O_CLOEXEC), "its memory").value
    must(proc.pwrite64(memory, data, address), "bytes in its memory")
    file = must(proc.openat(AT_FDCWD, path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600), "a file").value
    must(proc.write(file, data), "its bytes")
    must(proc.unlinkat(AT_FDCWD, path), "taking its name away")
    must(proc.lseek(file, FROM, os.SEEK_SET), "a place in it")
    ends = must(proc.pipe2(os.O_CLOEXEC | os.O_NONBLOCK), "a pipe").data
    reader, writer = int.from_bytes(ends[:4], "little"), int.from_bytes(ends[4:8], "little")
    must(proc.write(writer, data), "what is in it")
    return _Put(memory, address, file, reader, writer)


def _look(proc: Proc, counter: str, put: _Put, data: bytes) -> Look:
    """What it reads is there for the next look as well."""
    program = Program()
    memory = program.pread64(put.memory, len(data), put.address)
    where = program.lseek(put.file, 0, os.SEEK_CUR)
    rest = program.read(put.file, len(data))
    program.lseek(put.file, FROM, os.SEEK_SET)
    piped = program.read(put.reader, len(data))
    program.write(put.writer, data)
    replies = proc.run(program)
    at = replies[where]
    names = {name: read(proc, path) for name, path in NAMES.items()}
    return Look(
        counter=counting.counted(proc, counter),
        memory=replies[memory].data,
        file=b"%d: " % at.value + replies[rest].data if at.ok else b"",
        pipe=replies[piped].data,
        names={name: reply.data.decode(errors="replace").strip() for name, reply in names.items() if reply.ok},
    )
