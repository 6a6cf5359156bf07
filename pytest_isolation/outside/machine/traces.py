"""What a witness leaves in its machine's tables for a while, under a name that is nobody else's."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD, LOCK
from pytest_isolation.errors import NOT_ROOT, BoxError, Unsupported, unless_root
from pytest_isolation.outside.objects.devices import attached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.outside.box import Box


@contextmanager
def lock(box: Box, token: str) -> Iterator[bytes]:
    """A lock of the machine's, flock(2); gives the number of its file as /proc/locks has it: proc_locks(5)."""
    with box.outside.process() as one, box.outside.directory() as place:
        made = one.proc.openat(AT_FDCWD, place / token, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not made.ok or not one.proc.flock(made.value, LOCK.EX).ok:
            raise BoxError(f"a lock to witness with: {made}")
        yield b":%d " % (place / token).stat().st_ino


@contextmanager
def disk(box: Box, token: str) -> Iterator[str]:
    """A disk of the machine's, over memory that is called `token`; gives the name of its directory in /sys/block.

    Raises Unsupported where this user or this kernel makes no loop devices.
    """
    with box.outside.process() as one:
        memory = one.proc.memfd_create(token)
        control = one.proc.openat(AT_FDCWD, "/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        if control.errno in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENODEV, errno.ENXIO):
            raise Unsupported(f"no loop device to witness with: {control}", cause=unless_root(NOT_ROOT))
        if not memory.ok or not control.ok or not one.proc.write(memory.value, bytes(4096)).ok:
            raise BoxError(f"making a disk to witness with: {memory}, {control}")
        yield f"loop{os.minor(attached(one.proc, control.value, memory.value))}"
