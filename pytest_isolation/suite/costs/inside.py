"""What a box costs its programs: one operation, timed in the box and in a bare process in turn.

Each figure is a loop that the agent runs by itself, so that the way to the box is paid once for thousands of
operations; it is timed by this process' clock, which no box can bend.  What the agent's own loop takes is a figure,
too (`compute_ns`), and is taken off the others.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.agent.memory import At, In, Step
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.errors import BoxError, Unsupported
from pytest_isolation.outside.box import Box

WINDOW_S = 0.02
"""How long one sample is to take."""
MOST_ROUNDS = 1 << 20
UNROLLED = 16
PAGE, PAGES = 4096, 16
MADV_DONTNEED = 4
SIGCHLD = 17
SPARE = 100
"""A descriptor far from those that an agent begins with."""
AF_INET, SOCK_STREAM, TCP_NODELAY, IPPROTO_TCP = 2, 1, 1, 6
LOOPBACK = 0x7F000001


Body = Callable[[Program], None]
"""Lays one round out in a program."""


@dataclass(slots=True)
class Loop:
    """A round has `operations` of what is timed, and `steps` steps of the agent's loop, whose time is taken off."""

    proc: Proc
    body: Body
    operations: int
    steps: int
    base: Body | None = None
    """A round without the operation, whose time is taken off instead."""
    check: Callable[[], None] = lambda: None
    """Raises BoxError where the operation is refused: a refusal is quick, and no figure."""

    def seconds(self, rounds: int, body: Body | None = None) -> float:
        """How long `rounds` rounds of `body`, else of its own, take in one program; the round trip is in it."""
        program = Program()
        first = Step(len(program))
        (body or self.body)(program)
        program.loop(first, rounds)
        began = time.perf_counter()
        self.proc.run(program)
        return time.perf_counter() - began


class Sampler:
    """Samples one figure in one box: its loop, calibrated once."""

    def __init__(self, loop: Loop, round_trip: float, step: float) -> None:
        """`round_trip`: seconds of an empty program; `step`: of one step of the agent's loop.  Raises BoxError."""
        self._loop, self._round_trip, self._step = loop, round_trip, step
        self._base = float("inf")
        loop.check()
        rounds = 2
        # The least of three: a busy moment would have it take too few rounds, and a round trip for the operation.
        while (
            took := min(loop.seconds(rounds) for _ in range(3)) - round_trip
        ) < WINDOW_S / 4 and rounds < MOST_ROUNDS:
            rounds *= 4
        self._rounds = max(2, min(MOST_ROUNDS, int(rounds * WINDOW_S / max(took, 1e-6))))

    def sample(self) -> float:
        """Seconds of one operation."""
        loop, rounds = self._loop, self._rounds
        took = loop.seconds(rounds) - self._round_trip
        if loop.base is not None:  # the least so far: a busy moment of it would make the operation cheaper than it is
            self._base = min(self._base, loop.seconds(rounds, loop.base) - self._round_trip)
            took -= self._base
        return max(0.0, took / rounds - loop.steps * self._step) / loop.operations


def round_trip(proc: Proc) -> float:
    """Seconds that an empty program takes there and back: the least of nine."""
    program = Program()
    program.load(At(0), 1)
    found = []
    for _ in range(9):
        began = time.perf_counter()
        proc.run(program)
        found.append(time.perf_counter() - began)
    return min(found)


@dataclass(frozen=True, slots=True)
class Figure:
    """`scale`: seconds in the key's unit.  `prepare` makes its loop in a box; the stack takes what undoes it."""

    key: str
    scale: float
    prepare: Callable[[Box, ExitStack], Loop]


# -- the figures -----------------------------------------------------------------------


def _compute(box: Box, undo: ExitStack) -> Loop:
    def body(program: Program) -> None:
        for number in range(UNROLLED):
            program.store(At(number * 8), number)

    return Loop(box.proc, body, UNROLLED, 0)


def _call(box: Box, undo: ExitStack) -> Loop:
    def body(program: Program) -> None:
        for _ in range(UNROLLED):
            program.getppid()

    return Loop(box.proc, body, UNROLLED, UNROLLED)


def _open_read(box: Box, undo: ExitStack) -> Loop:
    path = f"{box.scratch.rstrip('/')}/costs-{os.getpid()}"
    box.write_file(path, bytes(PAGE))
    undo.callback(box.proc.unlinkat, AT_FDCWD, path)

    def body(program: Program) -> None:
        fd = program.openat(AT_FDCWD, path, os.O_RDONLY)
        program.read(fd, PAGE)
        program.close(fd)

    return Loop(box.proc, body, 1, 3)


def _touch(given_back: int) -> Body:
    """A round that gives the PAGES pages from number `given_back` on back, and writes to the first PAGES."""

    def body(program: Program) -> None:
        program.place(In(bytes(2 * PAGES * PAGE)))  # from the first byte of the program's memory, which begins a page
        program.call("madvise", At(given_back * PAGE), PAGES * PAGE, MADV_DONTNEED)
        for number in range(PAGES):
            program.store(At(number * PAGE), 1)

    return body


def _page_fault(box: Box, undo: ExitStack) -> Loop:
    """Writes to pages that were given back, less writes to pages that were not."""
    return Loop(box.proc, _touch(0), PAGES, 0, base=_touch(PAGES))


def _loopback(box: Box, undo: ExitStack) -> Loop:
    proc = box.proc
    listener = must(proc.socket(AF_INET, SOCK_STREAM), "a socket").value
    undo.callback(proc.close, listener)
    address = struct.pack("<H", AF_INET) + struct.pack(">HI8x", 0, LOOPBACK)
    must(proc.bind(listener, address), "an address on loopback")
    must(proc.listen(listener), "listening on loopback")
    name = must(proc.getsockname(listener), "the port").outs[0][:16]
    ends = []
    caller = must(proc.socket(AF_INET, SOCK_STREAM), "a socket").value
    undo.callback(proc.close, caller)
    must(proc.connect(caller, name), "connecting over loopback")
    ends.append(caller)
    taken = must(proc.accept4(listener), "accepting over loopback").value
    undo.callback(proc.close, taken)
    ends.append(taken)
    for fd in ends:
        must(proc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, struct.pack("<I", 1)), "TCP_NODELAY")

    def body(program: Program) -> None:
        program.sendto(caller, b"a")
        program.recvfrom(taken, 1)
        program.sendto(taken, b"b")
        program.recvfrom(caller, 1)

    return Loop(proc, body, 1, 4)


def _fork_exec(box: Box, undo: ExitStack) -> Loop:
    """A child of a process of ours executes the agent, which meets the end of its input and ends; it is waited for.

    Both sides of a fork(2) go on with the same program.  So execveat(2) is given the descriptor SPARE + what clone(2)
    returned: the program in the child, no program in the parent, which fails there and waits.
    """
    parent = undo.enter_context(box.spawn())
    agent = box.parts.agent_path if box.parts.root != Path("/") else os.fspath(agent_binary())
    fd = must(parent.openat(AT_FDCWD, agent, os.O_RDONLY), f"the program {agent}").value
    must(parent.dup3(fd, SPARE), "its descriptor")
    for number, one in enumerate(_nothing(parent)):
        must(parent.dup3(one, number), "the program's descriptors")
    _try_once(parent)

    def body(program: Program) -> None:
        child = program.call("clone", SIGCHLD, 0, 0, 0, 0)
        program.execveat(child + SPARE, "", ["agent"], [], AT.EMPTY_PATH)
        program.wait4(child)

    def check() -> None:
        program = Program()
        body(program)
        made = next(reply for reply in parent.run(program) if reply.name == "clone")
        must(made, "a process")

    return Loop(parent, body, 1, 3, check=check)


def _nothing(proc: Proc) -> tuple[int, int, int]:
    """Descriptors for 0, 1 and 2 that have no input and take no output.

    Without a /dev/null, of two pipes: one that nobody writes to any more, and one that nobody reads.
    """
    null = proc.openat(AT_FDCWD, "/dev/null", os.O_RDWR)
    if null.ok:
        return null.value, null.value, null.value
    ends = [struct.unpack("<2i", must(proc.pipe2(), "a pipe").data) for _ in range(2)]
    for one in (ends[0][1], ends[1][0]):
        proc.close(one)
    return ends[0][0], ends[1][1], ends[1][1]


def _try_once(parent: Proc) -> None:
    """In a child with a channel of its own: a child that could not execute it would answer in its parent's place."""
    with parent.spawn() as child:
        try:
            reply = child.execveat(SPARE, "", ["agent"], [], AT.EMPTY_PATH)
        except BoxError:
            return  # it has become the program
        raise Unsupported(f"execveat of the agent: {errno.errorcode.get(reply.errno, reply.errno)}")


FIGURES = (
    Figure("compute_ns", 1e9, _compute),
    Figure("call_us", 1e6, _call),
    Figure("open_read_us", 1e6, _open_read),
    Figure("page_fault_us", 1e6, _page_fault),
    Figure("loopback_us", 1e6, _loopback),
    Figure("fork_exec_us", 1e6, _fork_exec),
)
"""compute_ns first: what a step of the agent's loop takes is taken off the others."""
