"""A terminal of ours from which a box is started, and what a process of the box can do to it.

No other is touched: a descriptor of the box's is asked for the number of its terminal first.  tty_ioctl(4), pts(4).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import In, OutBuffer
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.caller import Caller
from pytest_isolation.outside.together import Part, Together

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.outside.box import Box

TIOCGDEV, TIOCGSID, TIOCSTI, TIOCGWINSZ, TIOCSWINSZ, TCGETS, TCSETS = (
    0x8004_5432,
    0x5429,
    0x5412,
    0x5413,
    0x5414,
    0x5401,
    0x5402,
)
ECHO, LFLAG, TERMIOS = 0o10, 12, 36
"""Of struct termios of asm-generic/termbits.h: a flag, where its field is, and the size."""
SIG_BLOCK, SIGTTOU = 0, 22
SHOWN = 64
"""Descriptors of a process that are asked: stdio, and what may have been left open."""


@dataclass(frozen=True, slots=True)
class Letters:
    """What is drawn: a word to write and to type, and a size for the terminal's window."""

    token: str
    rows: int
    columns: int


class Terminal:
    """Both ends of it, in this process; nothing is echoed or held back, and its size is 0 times 0."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)

    @property
    def number(self) -> int:
        """Of the device, as TIOCGDEV and proc_pid_stat(5) have it."""
        device = os.fstat(self.slave).st_rdev
        major, minor = os.major(device), os.minor(device)
        return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)

    def session(self) -> int:
        """Whose controlling terminal it is, by this process's numbers; -1 where it is nobody's."""
        try:
            told = fcntl.ioctl(self.master, TIOCGSID, bytes(4))
        except OSError:
            return -1
        return int.from_bytes(told, sys.byteorder, signed=True)

    def arrived(self) -> bytes:
        """What was written to it, and not read yet."""
        found = b""
        with suppress(BlockingIOError):
            while piece := os.read(self.master, 65536):
                found += piece
        return found

    def typed(self) -> bytes:
        """What a program would read that the user of this terminal runs, and has not read yet."""
        flags = fcntl.fcntl(self.slave, fcntl.F_GETFL)
        fcntl.fcntl(self.slave, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        try:
            return os.read(self.slave, 65536)
        except BlockingIOError:
            return b""
        finally:
            fcntl.fcntl(self.slave, fcntl.F_SETFL, flags)

    def settings(self) -> tuple[bool, tuple[int, int]]:
        """Whether it echoes, and its rows and columns."""
        rows, columns, _, _ = struct.unpack("<4H", fcntl.ioctl(self.slave, termios.TIOCGWINSZ, bytes(8)))
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO), (rows, columns)

    def close(self) -> None:
        """Both ends."""
        os.close(self.master)
        os.close(self.slave)


_OPEN: dict[int, Terminal] = {}
"""Descriptor of a terminal that a box was started from -> the terminal."""


@contextmanager
def _started(box: Box, _: Letters) -> Iterator[Box]:
    terminal = Terminal()
    _OPEN[terminal.slave] = terminal
    try:
        # Awaited: a terminal that is closed hangs up on who was started from it.
        with box.fresh(caller=Caller(terminal=terminal.slave)) as fresh:
            yield fresh
    finally:
        del _OPEN[terminal.slave]
        terminal.close()


def _of(box: Box) -> Terminal:
    assert box.spec.caller.terminal is not None
    return _OPEN[box.spec.caller.terminal]


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether the box has its caller's terminal as its controlling one, and by whom that is said."""

    asked: tuple[str, ...]
    having: tuple[str, ...]
    told: tuple[Reply, ...]


def _kept(box: Box, wanted: Letters) -> Kept:
    terminal, asked, having = _of(box), [], []
    terminal.arrived()
    opened = box.proc.openat(AT_FDCWD, "/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    told = [opened]
    if opened.ok:
        told.append(box.proc.write(opened.value, wanted.token.encode()))
        box.proc.close(opened.value)
    came = wanted.token.encode() in terminal.arrived()
    # A launcher that gives the box a terminal of its own hands on what is written there: a session of its own has it.
    mine = box.proc.getsid(0)
    in_session = mine.ok and mine.value in (0, terminal.session())
    if opened.ok or opened.errno == errno.ENXIO:
        asked.append("/dev/tty")
        having += ["/dev/tty"] if came and in_session else []
    its = _session_and_terminal(read(box.proc, "/proc/self/stat").data)
    if its is not None and box.parts.shares_kernel:
        asked.append("/proc/self/stat")
        having += ["/proc/self/stat"] if its[1] == terminal.number and in_session else []
    if box.spec.door == "start" and box.parts.shares_kernel and box.parts.init_pid is not None:
        with suppress(OSError):
            its = _session_and_terminal(box.outside.path(f"/proc/{box.parts.init_pid}/stat").read_bytes())
            asked.append("/proc/PID/stat of the host")
            having += ["/proc/PID/stat of the host"] if its == (terminal.session(), terminal.number) else []
    return Kept(tuple(asked), tuple(having), tuple(told))


def _session_and_terminal(stat: bytes) -> tuple[int, int] | None:
    """The fields session and tty_nr of proc_pid_stat(5).

    Both: another instance of devpts has terminals of the same numbers.
    """
    fields = stat.rpartition(b")")[2].split()
    return (int(fields[3]), int(fields[4])) if len(fields) > 4 else None


def _ours(proc: Proc, terminal: Terminal) -> list[int]:
    """The descriptors of `proc` that lead to the terminal: its stdio, what it has besides, and /dev/tty, opened."""
    opened = proc.openat(AT_FDCWD, "/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    numbers = [*range(SHOWN), *([opened.value] if opened.ok else [])]
    program = Program()
    asked = {number: program.ioctl(number, TIOCGDEV, OutBuffer(4)) for number in numbers}
    replies = proc.run(program)
    return [
        number
        for number, step in asked.items()
        if replies[step].ok and struct.unpack("<I", replies[step].data[:4])[0] == terminal.number
    ]


@dataclass(frozen=True, slots=True)
class Typed:
    """What the box tried on its caller's terminal, and what came of it; none where no descriptor leads there."""

    told: tuple[Reply, ...]
    came: bool


def _typed(box: Box, wanted: Letters) -> Typed:
    terminal = _of(box)
    terminal.typed()
    with box.spawn() as child:
        told = []
        for number in _ours(child, terminal):
            for letter in wanted.token.encode():
                told.append(child.ioctl(number, TIOCSTI, In(bytes([letter]))))
                if not told[-1].ok:
                    break
    return Typed(tuple(told), wanted.token.encode() in terminal.typed())


def _set(box: Box, wanted: Letters) -> Typed:
    terminal, told = _of(box), []
    before = terminal.settings()
    with box.spawn() as child:
        # Who sets a terminal that another group of processes has in front is stopped by this signal.
        child.rt_sigprocmask(SIG_BLOCK, 1 << (SIGTTOU - 1))
        for number in _ours(child, terminal):
            told.append(child.ioctl(number, TIOCSWINSZ, In(struct.pack("<4H", wanted.rows, wanted.columns, 0, 0))))
            now = child.ioctl(number, TCGETS, OutBuffer(TERMIOS))
            if now.ok:
                (flags,) = struct.unpack_from("<I", now.data, LFLAG)
                changed = now.data[:LFLAG] + struct.pack("<I", flags | ECHO) + now.data[LFLAG + 4 :]
                told.append(child.ioctl(number, TCSETS, In(changed)))
    return Typed(tuple(told), terminal.settings() != before)


KEPT = Part(_started, _kept)
TYPED = Part(_started, _typed)
SET = Part(_started, _set)
TERMINAL = Together(_started, KEPT, TYPED, SET)
