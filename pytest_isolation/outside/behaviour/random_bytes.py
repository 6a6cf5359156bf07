"""Random bytes, by every way to them, in two boxes that are started one after the other."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from errno import EAGAIN
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.errors import Undecided
from pytest_isolation.outside.behaviour.play import outcome, shown
from pytest_isolation.outside.transfer.carried import alike

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

GRND_NONBLOCK = 1
AT_RANDOM, RANDOM_SIZE = 25, 16
"""getauxval(3): where the kernel has put random bytes for a program that begins, and how many."""
FILES = ("/dev/random", "/dev/urandom", "/proc/sys/kernel/random/uuid")
CALL, OF_PROGRAM = "getrandom", "AT_RANDOM"
FEW = 8
"""Two readings with fewer bytes may be equal by chance."""

Drawn = Mapping[str, tuple[bytes, ...]]
"""Way -> what two readings gave; one of what a program has had from its beginning."""


def repeated(box: Box, size: int) -> Mapping[str, str]:
    """What came twice when two boxes like `box` drew `size` bytes, 16 to 256, or did not come: way -> words.

    Raises Unsupported where no further boxes can be, Undecided where a machine has no random bytes yet.
    """
    drawn = []
    for _ in range(2):
        with alike(box) as fresh:
            found = _drawn(fresh.proc, size)
        if isinstance(found, str):
            return {CALL: found}
        drawn.append(found)
    both: dict[str, tuple[bytes, ...]] = {way: drawn[0][way] + drawn[1][way] for way in drawn[0] if way in drawn[1]}
    # Whatever gives bytes that another way, or the other box, has given: as numbers of a pool that was copied.
    twice = {way: readings for way, readings in both.items() if len(set(readings)) < len(readings)}
    return {way: ", ".join(map(shown, readings)) for way, readings in twice.items()}


def _drawn(proc: Proc, size: int) -> Drawn | str:
    """Or in words why there is nothing.  A file that is not there is left out: port.behaviour-devices has it."""
    program = Program()
    calls = [program.getrandom(size, GRND_NONBLOCK) for _ in range(2)]
    replies = proc.run(program)
    for step in calls:
        if replies[step].errno == EAGAIN:
            raise Undecided("the machine has just started, and no random bytes yet: getrandom(2)")
        if len(replies[step].data) != size:
            return outcome(replies[step], lambda reply: f"{len(reply.data)} bytes of {size}")
    found = {CALL: tuple(replies[step].data for step in calls)}
    for path in FILES:
        readings = tuple(read(proc, path, size).data for _ in range(2))
        if min(map(len, readings)) >= FEW:
            found[path] = readings
    reply = _of_program(proc)
    if reply is not None and len(reply.data) == RANDOM_SIZE:
        found[OF_PROGRAM] = (reply.data,)
    return found


def _of_program(proc: Proc) -> Reply | None:
    """Its answer, or None where it cannot find the place."""
    pairs = read(proc, "/proc/self/auxv").data
    places = dict(struct.iter_unpack("<2Q", pairs[: len(pairs) // 16 * 16]))
    if AT_RANDOM not in places:
        return None
    opened = proc.openat(AT_FDCWD, "/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
    if not opened.ok:
        return None
    try:
        return proc.pread64(opened.value, RANDOM_SIZE, places[AT_RANDOM])
    finally:
        proc.close(opened.value)
