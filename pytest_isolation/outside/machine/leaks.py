"""What a box reads of its machine: the numbers of the files and calls that tell of it, beside the machine's own.

Nothing is known of a file beforehand.  The machine is walked once, by a process of its own, and what moves there, or
holds a word, is what the box is then asked for.  A number *follows* the machine's where it lies between what the
machine read before and after it, again and again, while it moves; it *answers* where it goes up and down by what a
witness takes and gives back.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, DT
from pytest_isolation.agent.shortcuts import entries
from pytest_isolation.errors import Undecided
from pytest_isolation.outside.machine import files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.host import Host
    from pytest_isolation.outside.box import Box

TREES = {
    "/proc": 2, "/proc/self": 0, "/proc/sys": 5, "/sys/block": 2, "/sys/class/powercap": 2, "/sys/class/thermal": 2,
    "/sys/devices/system": 3, "/sys/devices/virtual/dmi": 2, "/sys/kernel": 2, "/sys/power": 1,
}  # fmt: skip
"""Directory -> how many directories below it are entered.  Links are followed in /sys/block and /sys/class alone."""
SKIPPED = {
    **{pattern: reason for pattern, reason in files.SKIPPED.items() if pattern != "/proc/sys"},
    "/proc/kcore": "memory, as it is: proc.masked-unreadable",
    "/proc/kpage*": "a number for each page of memory: root's alone",
    "/proc/pagetypeinfo": "walks all of memory",
    "/proc/sys/net": "of the network namespace: net.sysctl-ro",
    "/proc/sys/vm/stat_refresh": "reading it makes every processor count anew",
    "/sys/block/*/bdi": "what the disk is asked for, not what it did",
    "/sys/block/*/queue": "settings of a disk",
    "/sys/devices/system/memory/memory*": "a directory for each 128 MiB of memory",
    "/sys/kernel/btf": "types of the kernel, megabytes of them",
    "/sys/kernel/iommu_groups": "devices, by number",
    "/sys/kernel/irq": "one directory for each interrupt, told of by /proc/interrupts",
    "/sys/power/wakeup_count": "reading it waits for the machine",
}
"""Pattern -> reason."""
MOST, SIZE, AT_ONCE = 4000, 16384, 16
"""Files, bytes that are read of each, and files read in one round trip."""
LETTER = re.compile(rb"[A-Za-z]")
CLOCKS = {"CLOCK_BOOTTIME": 7, "CLOCK_MONOTONIC": 1, "CLOCK_MONOTONIC_RAW": 4}
SYSINFO = ("uptime", "load1", "load5", "load15", "total", "free", "shared", "buffers", "swap", "free swap", "processes")
"""struct sysinfo, sysinfo(2)."""
STEPS = 3
"""How often a number has to be found between two of the machine's."""
LOOKS = 2
"""How often the machine is asked what moves: others work on it as well, and one look may miss a number."""

Place = tuple[bytes, int, int]
"""Where a number stands: what its line begins with, which line with that beginning, which number of the line."""
Shown = dict[str, dict[Place, int]]
"""File, or call, -> what it says in numbers."""


@dataclass(slots=True)
class KnownMachine:
    """What was found on one machine."""

    files: list[str]
    moving: set[str] = field(default_factory=set)
    answering: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Slug of a count -> how many looks each file or call answered in."""
    holding: dict[bytes, list[str]] = field(default_factory=dict)
    asked_what_moves: int = 0
    asked_what_answers: int = 0


_KNOWN: dict[Host, KnownMachine] = {}


def machine_of(box: Box) -> KnownMachine:
    """What is known of the machine that `box` runs on; kept for the whole process."""
    host = box.parts.host
    if host not in _KNOWN:
        _KNOWN[host] = KnownMachine(walked(box.outside.proc))
    return _KNOWN[host]


def walked(proc: Proc) -> list[str]:
    """Every file below TREES that `proc` opens for reading, but SKIPPED; at most MOST."""
    found = dict.fromkeys(path for tree, depth in TREES.items() for path in _walk(proc, tree, depth))
    return list(found)[:MOST]


def _walk(proc: Proc, directory: str, depth: int) -> Iterator[str]:
    for name, kind in entries(proc, directory):
        path = f"{directory}/{name}"
        if path in TREES or any(fnmatch(path, pattern) for pattern in SKIPPED):
            continue
        if kind == DT.REG:
            yield path
        elif depth and (kind == DT.DIR or (kind == DT.LNK and directory in ("/sys/block", "/sys/class/thermal"))):
            yield from _walk(proc, path, depth - 1)


def contents(proc: Proc, paths: Collection[str]) -> dict[str, bytes]:
    """What `proc` reads in each, SIZE bytes at most; a file that gives nothing is left out."""
    found: dict[str, bytes] = {}
    asked = list(paths)
    for at in range(0, len(asked), AT_ONCE):
        program = Program()
        steps = []
        for path in asked[at : at + AT_ONCE]:
            fd = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            steps.append((path, program.read(fd, SIZE)))
            program.close(fd)
        replies = proc.run(program)
        found |= {path: replies[step].data for path, step in steps if replies[step].data}
    return found


def has_proc(proc: Proc) -> bool:
    """Whether there is a /proc that tells the process of itself: without one, no file of it is kept from anybody."""
    return bool(contents(proc, ["/proc/self/stat"]))


def has_sys(proc: Proc) -> bool:
    """Whether there is a /sys with something in it."""
    return bool(entries(proc, "/sys"))


def can_be_asked(proc: Proc, names: Collection[str]) -> bool:
    """Whether `proc` has a place where one of these files would be, or one of them is a call."""
    there = {"/proc": has_proc, "/sys": has_sys}
    return any(name[0] != "/" for name in names) or any(
        has(proc) for top, has in there.items() if any(name.startswith(f"{top}/") for name in names)
    )


def numbers(data: bytes) -> dict[Place, int]:
    """Every number of a text, a decimal one without its point: 12.50 is 1250.

    A line is known by its first word, unless that is a number: lines about addresses (0x..) and keys come and go, and
    the number that is now in another's place has not moved.
    """
    found: dict[Place, int] = {}
    lines: dict[bytes, int] = {}
    for line in data.splitlines():
        first = line.split(None, 1)[0] if line.strip() else b""
        label = first if LETTER.search(first) or not first[:1].isdigit() else b""
        lines[label] = at = lines.get(label, -1) + 1
        for place, word in enumerate(re.findall(rb"\d+(?:\.\d+)?", line)):
            found[label, at, place] = int(word.replace(b".", b""))
    return found


def called(proc: Proc) -> Shown:
    """What the calls that tell of the machine say: clock_gettime(2), times(2), sysinfo(2)."""
    program = Program()
    clocks = {name: program.clock_gettime(number) for name, number in CLOCKS.items()}
    info, ticks = program.sysinfo(), program.call("times", None)
    replies = proc.run(program)
    told: Shown = {}
    for name, step in clocks.items():
        if replies[step].ok:
            seconds, rest = struct.unpack("<2q", replies[step].data[:16])
            told[f"clock_gettime(2) {name}"] = {(b"", 0, 0): seconds * 10**9 + rest}
    if replies[ticks].ok:
        told["times(2)"] = {(b"", 0, 0): replies[ticks].value}
    if replies[info].ok:
        words = struct.unpack_from("<10QH", replies[info].data)
        told["sysinfo(2)"] = {(name.encode(), 0, 0): number for name, number in zip(SYSINFO, words, strict=True)}
    return told


Look = tuple[Shown, dict[str, bytes]]
"""What the calls say, and what the files do: all that one look at a machine finds."""


def looked_at(proc: Proc, names: Collection[str]) -> Look:
    """At these files and calls; what gives nothing is left out."""
    told = {name: said for name, said in called(proc).items() if name in names}
    return told, contents(proc, [one for one in names if one[0] == "/"])


def shown(proc: Proc, names: Collection[str]) -> Shown:
    """The numbers of these files and calls; what gives nothing is left out."""
    told, files = looked_at(proc, names)
    return told | {path: numbers(data) for path, data in files.items()}


def changed(looks: Sequence[Look]) -> list[Shown]:
    """The numbers of each look, but of files that say the same in all: of some thousand, a hundred do not."""
    _, first = looks[0]
    same = {path for path, data in first.items() if all(files.get(path) == data for _, files in looks)}
    return [told | {path: numbers(data) for path, data in files.items() if path not in same} for told, files in looks]


def stirred(box: Box) -> None:
    """Something is done on the machine: a process, memory, and a file that reaches its disk."""
    with box.outside.process() as one, box.outside.directory() as place:
        program = Program(stop_on_error=True)
        memory = program.mmap(0, 1 << 20, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        program.getrandom(16)
        program.munmap(memory, 1 << 20)
        fd = program.openat(AT_FDCWD, place / "stirred", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        program.write(fd, b"s" * 4096)
        program.call("fdatasync", fd)
        program.close(fd)
        one.proc.run(program)


def moving(box: Box) -> set[str]:
    """The files and calls of the machine in which some number goes up while something is done there."""
    found = machine_of(box)
    if found.asked_what_moves < LOOKS:
        found.asked_what_moves += 1
        host = box.outside.proc
        names = {*found.files, *called(host)}
        looks = [looked_at(host, names)]
        stirred(box)
        looks.append(looked_at(host, names))
        then, now = changed(looks)
        for name, before in then.items():
            if any(now.get(name, {}).get(place, first) > first for place, first in before.items()):
                found.moving.add(name)
    return set(found.moving)


def followed(box: Box, proc: Proc, names: Collection[str]) -> tuple[list[str], list[str]]:
    """(those of `names` in which `proc` reads a number of its machine's, those in which its machine's moved).

    Raises Undecided where what `proc` reads of them did not move on its machine: something else did.
    """
    host = [shown(box.outside.proc, names)]
    inside: list[Shown] = []
    for _ in range(STEPS):
        inside.append(shown(proc, names))
        stirred(box)
        host.append(shown(box.outside.proc, names))
    moved, found = [], []
    for name, before in host[0].items():
        places = [place for place in before if _moving([look.get(name, {}).get(place) for look in host])]
        if places:
            moved.append(name)
        if any(_between([look.get(name, {}).get(place) for look in inside], host, name, place) for place in places):
            found.append(name)
    if moved:
        need_one_of(moved, {name for look in inside for name, said in look.items() if said})
    return found, moved


def need_one_of(moved: Collection[str], read: Collection[str]) -> None:
    """Raises Undecided where the box reads some files of its machine, and of these none has moved there."""
    if read and not set(moved) & set(read):
        raise Undecided("what the box reads of this did not move on its machine")


def _moving(looks: Sequence[int | None]) -> bool:
    """Whether it went up from each look to the next."""
    known = [look for look in looks if look is not None]
    return len(known) == len(looks) and all(one < two for one, two in pairwise(known))


def _between(looks: Sequence[int | None], host: Sequence[Shown], name: str, place: Place) -> bool:
    return all(
        look is not None and host[at][name][place] <= look <= host[at + 1][name][place] for at, look in enumerate(looks)
    )


def holding(box: Box, word: bytes) -> list[str]:
    """The files in which the machine itself reads this word."""
    found = machine_of(box)
    if word not in found.holding:
        found.holding[word] = [path for path, data in contents(box.outside.proc, found.files).items() if word in data]
    return found.holding[word]
