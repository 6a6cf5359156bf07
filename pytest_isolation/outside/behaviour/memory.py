"""Memory: mappings of a file and of none, their protection, what is written through them and what files show of it.

A mapping is read and written by the kernel, for write(2) and read(2): what a process would end by is EFAULT to those.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import Step
from pytest_isolation.outside.behaviour.play import Call, Play, Verb, data, done, number, pattern

PAGE = 4096
FILE, SOURCE, SINK = 0, 1, 2
"""Slots of descriptors: the file that is mapped, where bytes come from, where they go to."""
FIRST, MAPPINGS = 3, 4
"""Their addresses are in the slots after those."""
NOWHERE = 0x1000
"""An address where nothing is: mmap_min_addr is above it, or nobody maps there."""
HOW = {"MAP_SHARED": 1, "MAP_PRIVATE": 2, "MAP_PRIVATE|MAP_ANONYMOUS": 0x22, "MAP_SHARED|MAP_ANONYMOUS": 0x21}
MODES = {"PROT_READ|PROT_WRITE": 3, "PROT_READ": 1, "PROT_NONE": 0, "PROT_WRITE": 2}
OFFSETS = (0, PAGE, 2 * PAGE, 100)
"""Of a mapping in the file: the last is EINVAL."""
PLACES = (0, 100, PAGE - 8, PAGE, PAGE + 100, 2 * PAGE - 16)
"""In a mapping, which has two pages: one goes over the border."""
SIZES = (0, 100, PAGE, PAGE + 1, 2 * PAGE, 3 * PAGE, 5 * PAGE, 8 * PAGE)
ADVICE = {"MADV_DONTNEED": 4, "MADV_WILLNEED": 3, "MADV_DONTFORK": 10, "99": 99}
SYNC = {"MS_ASYNC": 1, "MS_SYNC": 4, "MS_ASYNC|MS_SYNC": 5}


def begin(play: Play) -> None:
    """A file of three pages, one of bytes and one that is empty, and no mapping."""
    program = play.program
    fds = [
        program.openat(AT_FDCWD, name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644) for name in ("a", "source", "sink")
    ]
    program.write(fds[FILE], pattern(0, 3 * PAGE - 100))
    program.write(fds[SOURCE], pattern(77, 256))
    play.slots = [*fds, *[NOWHERE] * MAPPINGS]
    _map(play, Call("map", 0, 0, 0))


def end(play: Play) -> None:
    """What is in the file, by read(2)."""
    for at in (0, 2 * PAGE):
        play.ask(f"pread(a, {at})", play.program.pread64(play.slots[FILE], 2 * PAGE, at), data)


def _of(call: Call) -> int:
    return call.a % MAPPINGS


def _at(play: Play, call: Call) -> int | Step:
    return play.slots[FIRST + _of(call)]


def _map(play: Play, call: Call) -> None:
    how, flags = list(HOW.items())[call.b % len(HOW)]
    mode, protection = list(MODES.items())[call.n % len(MODES)]
    offset = OFFSETS[call.n // 4 + 2 * (call.b // 4)]
    step = play.program.mmap(0, 2 * PAGE, protection, flags, play.slots[FILE] if flags < 0x20 else -1, offset)
    play.slots[FIRST + _of(call)] = play.ask(f"m{_of(call)} = mmap({mode}, {how}, {offset})", step, done)


def _poke(play: Play, call: Call) -> None:
    place = PLACES[call.n % len(PLACES)]
    step = play.program.call("pread64", play.slots[SOURCE], _at(play, call) + place, 16, call.b)
    play.ask(f"pread(source, m{_of(call)}+{place}, 16)", step, number)


def _peek(play: Play, call: Call) -> None:
    place = PLACES[call.n % len(PLACES)]
    step = play.program.call("pwrite64", play.slots[SINK], _at(play, call) + place, 16, 0)
    play.ask(f"pwrite(sink, m{_of(call)}+{place}, 16)", step, number)
    play.ask("pread(sink)", play.program.pread64(play.slots[SINK], 16), data)


def _protect(play: Play, call: Call) -> None:
    mode, protection = list(MODES.items())[call.n % len(MODES)]
    place, size = ((0, 2 * PAGE), (PAGE, PAGE), (0, PAGE), (100, PAGE))[call.b % 4]
    step = play.program.mprotect(_at(play, call) + place, size, protection)
    play.ask(f"mprotect(m{_of(call)}+{place}, {size}, {mode})", step, number)


def _unmap(play: Play, call: Call) -> None:
    play.ask(f"munmap(m{_of(call)})", play.program.munmap(_at(play, call), 2 * PAGE), number)
    play.slots[FIRST + _of(call)] = NOWHERE  # the next mapping may come to lie there


def _sync(play: Play, call: Call) -> None:
    words, flags = list(SYNC.items())[call.n % len(SYNC)]
    play.ask(f"msync(m{_of(call)}, {words})", play.program.msync(_at(play, call), 2 * PAGE, flags), number)


def _advise(play: Play, call: Call) -> None:
    words, advice = list(ADVICE.items())[call.n % len(ADVICE)]
    play.ask(f"madvise(m{_of(call)}, {words})", play.program.madvise(_at(play, call), 2 * PAGE, advice), number)


def _truncate(play: Play, call: Call) -> None:
    play.ask(f"ftruncate(a, {SIZES[call.n]})", play.program.ftruncate(play.slots[FILE], SIZES[call.n]), number)


def _write(play: Play, call: Call) -> None:
    step = play.program.pwrite64(play.slots[FILE], pattern(call.n, 16), SIZES[call.b])
    play.ask(f"pwrite(a, 16 bytes, {SIZES[call.b]})", step, number)


def _read(play: Play, call: Call) -> None:
    play.ask(f"pread(a, {SIZES[call.b]})", play.program.pread64(play.slots[FILE], 16, SIZES[call.b]), data)


VERBS: Mapping[str, Verb] = {
    "map": _map, "poke": _poke, "peek": _peek, "protect": _protect, "unmap": _unmap, "sync": _sync,
    "advise": _advise, "truncate": _truncate, "write": _write, "read": _read,
}  # fmt: skip
