"""A scratch process in which one feature is tried: whatever it makes ends with it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal

from pytest_isolation.agent import shortcuts
from pytest_isolation.agent.client import Proc, Reply
from pytest_isolation.agent.constants import AT_FDCWD, CLONE

if TYPE_CHECKING:
    from pytest_isolation.support.kernel import Kernel

MS_REC_PRIVATE = 0x4000 | 1 << 18
NOBODY = 65534
ROOM = "/tmp"
"""Where a trial mounts a tmpfs of its own, in a mount namespace of its own."""


class Refused(Exception):
    """A call of the trial failed."""

    def __init__(self, reply: Reply, remedy: str = "") -> None:
        super().__init__(str(reply))
        self.reply, self.remedy = reply, remedy


class Unmet(Exception):
    """Every call was accepted, and the feature did not do what it is for."""


class Absent(Exception):
    """The feature is not there to be tried; says what is missing and, when known, how to get it."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


class Untried(Exception):
    """It cannot be found out here; says why."""


def need(reply: Reply, *accepted: int) -> Reply:
    """`reply`, when the call succeeded or failed with an errno of `accepted`; raises Refused."""
    if reply.ok or reply.errno in accepted:
        return reply
    raise Refused(reply)


def check(fact: object, otherwise: str) -> None:
    """Raises Unmet with `otherwise` unless `fact`."""
    if not fact:
        raise Unmet(otherwise)


class Trial:
    """`proc` is a fresh process of the user it is tried as; its end is the end of all that was tried."""

    def __init__(self, kernel: Kernel, proc: Proc, as_: Literal["root", "user"]) -> None:
        self.kernel, self.proc, self.as_ = kernel, proc, as_
        self.uid, self.gid = proc.geteuid().value, proc.getegid().value
        """As they are outside any user namespace the trial makes."""
        self._undo = ExitStack()

    def at_end(self, undo: ExitStack) -> None:
        """Close `undo` when the trial is over."""
        self._undo.push(undo)

    def close(self) -> None:
        """Undo what was tried, the latest first."""
        self._undo.close()

    # -- files -----------------------------------------------------------------------------

    def read(self, path: str, proc: Proc | None = None) -> str:
        """Raises Refused."""
        return need(shortcuts.read(proc or self.proc, path)).data.decode(errors="replace").strip()

    def write(self, path: str, text: str, proc: Proc | None = None) -> Reply:
        """Raises Refused."""
        return need(shortcuts.write(proc or self.proc, path, text.encode()))

    def exists(self, path: str) -> bool:
        """Whether there is such a file, for the user that tries."""
        return self.proc.faccessat(AT_FDCWD, path, os.F_OK).ok

    def open(self, path: str, flags: int = os.O_RDWR, proc: Proc | None = None) -> int:
        """Raises Refused."""
        return need((proc or self.proc).openat(AT_FDCWD, path, flags | os.O_CLOEXEC, 0o600)).value

    # -- namespaces ------------------------------------------------------------------------

    def own(self, flags: int, proc: Proc | None = None) -> Proc:
        """Give the process namespaces of its own, an ordinary user's inside a user namespace.  Raises Refused."""
        proc = proc or self.proc
        if self.as_ == "user":
            flags |= CLONE.NEWUSER
        need(proc.unshare(flags))
        if flags & CLONE.NEWUSER:
            self.map(proc)
        if flags & CLONE.NEWNS:
            need(proc.mount(None, "/", None, MS_REC_PRIVATE))
        return proc

    def map(self, proc: Proc) -> None:
        """Make the process root of the user namespace it is in."""
        shortcuts.write(proc, "/proc/self/setgroups", b"deny")  # root needs no such promise
        self.write("/proc/self/uid_map", f"0 {self.uid} 1", proc)
        self.write("/proc/self/gid_map", f"0 {self.gid} 1", proc)

    def room(self) -> str:
        """An empty tmpfs that only this trial sees.  Raises Refused."""
        self.own(CLONE.NEWNS)
        need(self.proc.mount("none", ROOM, "tmpfs", 0, "mode=0777"))
        return ROOM

    @contextmanager
    def child(self, flags: int = 0, proc: Proc | None = None) -> Iterator[Proc]:
        """A child made by clone(2) with `flags`; raises Refused."""
        child, reply = (proc or self.proc).try_spawn(flags)
        if child is None:
            raise Refused(reply)
        with child:
            yield child


def wait_until(happens: object, seconds: float = 2.0) -> bool:
    """Call `happens` until it is true, for at most `seconds`."""
    assert callable(happens)
    deadline = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
