"""What the caller of a launcher has, and a box should not: open descriptors, and variables of its environment.

A shell, a service manager or a CI runner starts bwrap, runc or podman with whatever it has itself.  Ours are started
with as little as they need; a box for a check of this is started with more.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.constants import KEYCTL
from pytest_isolation.boxes import attributes
from pytest_isolation.errors import Unsupported

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc

KINDS = ("directory", "file", "socket", "memfd")
FURTHER = ("pipe", "eventfd", "epoll", "pidfd", "terminal", "netlink", "namespace")
"""Kinds that lead to no token: what they are is all that shows them."""
LEFT = 240
"""The highest number at which a caller leaves one open: runsc does not start where 256, 257 or 258 is taken."""
AGENTS = range(900, 903)
"""The numbers of our agent's own channels, in a process of a box."""
SESSION_KEYRING = -3
"""keyctl(2)."""
TIOCSCTTY = 0x540E  # tty_ioctl(4)
F_GETFD, NUMBERS = 1, 1024
"""fcntl(2); below the usual limit of open files."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`open`: descriptors of ours that a launcher has under the same numbers; `variables`: in its environment."""

    open: tuple[int, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    key: str = ""
    """The description, and the payload, of a key in its session keyring."""
    terminal: int | None = None
    """A descriptor of ours of a terminal in nobody's session: its controlling one, and standard error of launchers."""
    attributes: tuple[tuple[str, int], ...] = ()
    """What it hands on as every process does: slugs of attributes.ATTRIBUTES, and numbers."""

    @property
    def handed(self) -> tuple[int, ...]:
        """Every descriptor of ours that it has."""
        return self.open if self.terminal is None else (*self.open, self.terminal)

    def environ(self, given: Sequence[str] = ()) -> list[str]:
        """NAME=VALUE words: `given`, and the caller's after them."""
        return [*given, *(f"{name}={value}" for name, value in self.variables)]

    def bring(self, proc: Proc) -> None:
        """Give `proc`, which starts the launcher, the caller's key, attributes and terminal.  Raises Unsupported."""
        self.bring_key(proc)
        if self.attributes:
            attributes.put(proc, self.attributes)
        if self.terminal is None:
            return
        with (
            proc.spawn() as other
        ):  # whoever leads a group may begin no session, and ours may be of another PID namespace
            other.setpgid(0, 0)
            proc.setpgid(0, other.pid)
            made = proc.setsid()
        # The first of a session without a terminal takes one: tty_ioctl(4), TIOCSCTTY.
        if made.ok:
            # 1: who enters a box may do so from the terminal that it was started from, whose session loses it.
            made = proc.ioctl(self.terminal, TIOCSCTTY, int(os.geteuid() == 0))
        if not made.ok:
            raise Unsupported(f"no terminal to start the launcher from: {made}")

    def bring_key(self, proc: Proc) -> None:
        """Give `proc`, which starts the launcher, a session keyring with the caller's key: both end with who has them.

        Raises Unsupported where the kernel, or a filter that we are under, gives none.
        """
        if not self.key:
            return
        made = proc.keyctl(KEYCTL.JOIN_SESSION_KEYRING, None)
        if made.ok:
            made = proc.add_key("user", self.key, self.key.encode(), SESSION_KEYRING)
        if not made.ok:
            raise Unsupported(f"no key of the kernel to start the launcher with: {made}")


NOBODY = Caller()
"""As nearly every box is started: by somebody with nothing."""


@contextmanager
def left_open(token: str, kinds: Mapping[str, int]) -> Iterator[tuple[int, ...]]:
    """Descriptors of ours, as a caller may have: each kind's number is the first free one from the given one on.

    All of KINDS lead to `token`: the name of a file in the directory, the contents of that file and of a memory file,
    the name of a socket.
    """
    with TemporaryDirectory(prefix="pytest-isolation-mark-", dir="/var/tmp") as made, ExitStack() as undo:
        directory = Path(made)
        directory.chmod(0o755)
        (directory / token).write_text(token, encoding="utf-8")
        numbers = []
        for kind, first in kinds.items():
            opened = _opened(kind, directory, token, undo)
            numbers.append(fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, first))
            undo.callback(os.close, numbers[-1])
        yield tuple(numbers)


def _opened(kind: str, directory: Path, token: str, undo: ExitStack) -> int:
    if kind == "socket":
        made = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        made.bind(f"\0{token}")
        return made.fileno()
    if kind in FURTHER:
        return _further(kind, undo)
    if kind == "memfd":
        fd = os.memfd_create("left-open")
        os.write(fd, token.encode())
    else:
        fd = os.open(directory if kind == "directory" else directory / token, os.O_RDONLY)
    undo.callback(os.close, fd)
    return fd


def _further(kind: str, undo: ExitStack) -> int:
    if kind == "netlink":
        return undo.enter_context(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)).fileno()
    if kind == "epoll":
        return undo.enter_context(select.epoll()).fileno()
    if kind in ("pipe", "terminal"):
        first, other = os.pipe() if kind == "pipe" else os.openpty()
        undo.callback(os.close, other)
    elif kind == "eventfd":
        first = os.eventfd(0)
    elif kind == "pidfd":
        first = os.pidfd_open(os.getpid())
    else:
        first = os.open("/proc/self/ns/net", os.O_RDONLY)
    undo.callback(os.close, first)
    return first


def open_numbers(proc: Proc) -> dict[int, Reply]:
    """The descriptors of `proc` below NUMBERS that are neither 0, 1 and 2 nor the agent's, with fcntl(2)'s answer."""
    program = Program()
    asked = [program.fcntl(number, F_GETFD) for number in range(NUMBERS)]
    replies = proc.run(program)
    return {
        number: replies[step]
        for number, step in enumerate(asked)
        if number > 2 and number not in AGENTS and replies[step].ok
    }


def found_open(proc: Proc, token: str) -> dict[int, Reply]:
    """The descriptors of `proc`, whatever their numbers, that lead to `token`, each with the call that shows it."""
    program = Program()
    asked = [program.fcntl(number, F_GETFD) for number in range(NUMBERS)]
    replies = proc.run(program)
    found = {}
    for number, step in enumerate(asked):
        if number > 2 and replies[step].ok:
            for reply in (proc.faccessat(number, token, 0), proc.pread64(number, 200), proc.getsockname(number)):
                if reply.ok and (reply.name == "faccessat" or token.encode() in reply.data):
                    found[number] = reply
    return found
