"""A sequence of calls made in one process, and what came of each, without what is another in every place.

A number of a descriptor or a process, an address, an inode and a device number are the place's own: a call that gives
one has gone well, and which it was is not told.
"""

from __future__ import annotations

import errno as errno_module
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Proc, Program, Reply

if TYPE_CHECKING:
    from pytest_isolation.agent.memory import Step

SLOTS = 4
CLOSED = -1
"""In a slot: read(2) and its like answer EBADF."""
SHOWN = 24
"""Bytes that are told as they are; of more, how many and their checksum."""
PASSES_S = 0.0003
"""How long what follows may take on its way when something of it has come: a box's network may be slow."""
DONE = "done"


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """One of a sequence: a verb of its kind and three numbers from 0 to 7, whose meaning is the verb's."""

    verb: str
    a: int = 0
    b: int = 0
    n: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A system call, or several that are made together, in words; and what came of it: the name of an errno is one."""

    call: str
    result: str
    of: int = 0
    """Which of the sequence asked for it, from 0; its length where nothing did, and all is looked at."""

    def __str__(self) -> str:
        return f"{self.call} = {self.result}"


Look = Callable[[Reply], str]
"""What is told of a call that went well."""


def done(_: Reply) -> str:
    """Of a call whose number is the place's own."""
    return DONE


def number(reply: Reply) -> str:
    """Of a call whose number is the same everywhere."""
    return str(reply.value)


def data(reply: Reply) -> str:
    """Of a call that gives bytes."""
    return shown(reply.data)


def shown(found: bytes) -> str:
    """Bytes in words."""
    return repr(found)[1:] if len(found) <= SHOWN else f"{len(found)} bytes {zlib.crc32(found):08x}"


def outcome(reply: Reply, look: Look) -> str:
    """What is told of a reply."""
    return look(reply) if reply.ok else errno_module.errorcode.get(reply.errno, str(reply.errno))


class Play:
    """One sequence in one process, whose calls are sent together."""

    def __init__(self, proc: Proc, passes: float = PASSES_S) -> None:
        """`passes`: seconds that what is sent is given to arrive, once something of it has."""
        self.proc, self.passes = proc, passes
        self.program = Program()
        self.slots: list[int | Step] = [CLOSED] * SLOTS
        """Descriptors, or addresses: what the calls before have made."""
        self.far: set[int] = set()
        """Slots from which something takes its time to the other side."""
        self.of = 0
        """Which of the sequence is made now."""
        self._asked: list[tuple[str, Step, Look, int]] = []
        self._seen: list[Seen] = []

    def ask(self, call: str, step: Step, look: Look = done) -> Step:
        """What came of `step` is told, as `call`."""
        self._asked.append((call, step, look, self.of))
        return step

    def saw(self, call: str, result: str) -> None:
        """Of a call that was made by itself, and not in the program."""
        self._seen.append(Seen(call, result, self.of))

    def seen(self) -> tuple[Seen, ...]:
        """Make the calls that were not made yet.  Raises BoxError where the process ends over them."""
        if len(self.program):
            replies = self.proc.run(self.program)
            self._seen += [Seen(call, outcome(replies[step], look), of) for call, step, look, of in self._asked]
            self.program, self._asked = Program(), []
        return tuple(self._seen)


Verb = Callable[[Play, Call], None]


def pattern(start: int, size: int) -> bytes:
    """`size` bytes that tell where in them one is."""
    return bytes((start * 31 + place + place // 251) & 0xFF for place in range(size))
