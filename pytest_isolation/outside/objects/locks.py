"""Locks of files, by each call that takes one: flock(2), fcntl_locking(2).  None waits."""

from __future__ import annotations

import struct
from errno import EACCES, EAGAIN
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import LOCK, F
from pytest_isolation.agent.memory import In

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply

HELD = (EAGAIN, EACCES)
"""What a lock that somebody else has answers."""


def locked(proc: Proc, fd: int, way: int, *, exclusive: bool) -> Reply:
    """A lock of all of the file, by `way`: 0 flock(2), 1 fcntl(2) of the process, 2 of the open file description.

    A lock that is not `exclusive` needs no right to write; flock(2) asks for none, so that one always is.
    """
    if way == 0:
        return proc.flock(fd, LOCK.EX | LOCK.NB)
    what = struct.pack("<hh4xqqi4x", F.WRLCK if exclusive else F.RDLCK, 0, 0, 0, 0)  # struct flock
    return proc.fcntl(fd, F.SETLK if way == 1 else F.OFD_SETLK, In(what))
