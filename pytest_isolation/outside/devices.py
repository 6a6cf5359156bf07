"""A block device of the host's with a secret on it: what a disk would be, without a disk at risk.

A loop device over memory, read-only, cleared by the kernel with its last descriptor (loop(4)): however
we end, nothing is left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
import tempfile
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.errors import BoxError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOP_CONFIGURE, LOOP_CTL_GET_FREE, LO_FLAGS_READ_ONLY, LO_FLAGS_AUTOCLEAR = 0x4C0A, 0x4C82, 1, 4
LOOP_MAJOR = 7
TRIES = 8
"""Between asking for a free device and taking it somebody else may have taken it."""


@contextmanager
def disk_with(secret: bytes) -> Iterator[int]:
    """A block device that begins with `secret`; gives its number (makedev(3)).

    Raises Unsupported where this user or this kernel makes no loop devices.
    """
    with ExitStack() as undo:
        memory = os.memfd_create("pytest-isolation-disk")
        undo.callback(os.close, memory)
        os.write(memory, secret.ljust(4096, b"\0"))
        try:
            control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
            undo.callback(os.close, control)
            yield _attached(control, memory, undo)
        except (PermissionError, FileNotFoundError) as error:
            raise Unsupported(f"no loop device to witness with: {error}; run as root, and modprobe loop") from None


def _attached(control: int, memory: int, undo: ExitStack) -> int:
    # struct loop_config, linux/loop.h: the descriptor, a block size, struct loop_info64 (its flags at 52), reserved.
    config = struct.pack("<II52xI172x64x", memory, 0, LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR)
    for _ in range(TRIES):
        number = os.makedev(LOOP_MAJOR, fcntl.ioctl(control, LOOP_CTL_GET_FREE))
        with tempfile.TemporaryDirectory(prefix="pytest-isolation-disk-", dir="/dev") as place:
            os.mknod(f"{place}/loop", stat.S_IFBLK | 0o600, number)
            device = os.open(f"{place}/loop", os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(device, LOOP_CONFIGURE, config)
        except OSError as error:
            os.close(device)
            if error.errno != errno.EBUSY:
                raise
            continue
        undo.callback(os.close, device)
        return number
    raise BoxError(f"somebody else took every free loop device, {TRIES} times over")
