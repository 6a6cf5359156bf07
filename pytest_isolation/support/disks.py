"""A scratch disk: a loop device over memory."""

from __future__ import annotations

import errno
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.agent import shortcuts
from pytest_isolation.agent.constants import AT_FDCWD, LO_FLAGS, LOOP
from pytest_isolation.agent.memory import In
from pytest_isolation.support.trial import need, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.support.trial import Trial

O_TMPFILE = 0x410000
SIZE = 1 << 20


@contextmanager
def loop_device(t: Trial) -> Iterator[tuple[int, str]]:
    """Attach 1 MiB of memory to a free loop device: its number and path.  Raises Refused.

    It is detached when the last process that has it open ends, however that ends (loop(4), LO_FLAGS_AUTOCLEAR).
    """
    control = t.open("/dev/loop-control")
    before = shortcuts.listing(t.proc, "/sys/block")
    number = need(t.proc.ioctl(control, LOOP.CTL_GET_FREE)).value
    path = f"/dev/loop{number}"
    if not t.exists(path):  # a /dev of a container: the node is made where it goes with the trial
        path = f"{t.room()}/loop{number}"
        need(t.proc.mknodat(AT_FDCWD, path, 0o060600, 7 << 8 | number))
    device = t.open(path)
    try:
        _attach(t, device)
        yield number, path
    finally:
        t.proc.close(device)
        if f"loop{number}" not in before:  # there was none free, and the kernel made one more
            wait_until(lambda: t.proc.ioctl(control, LOOP.CTL_REMOVE, number).errno != errno.EBUSY)


def _attach(t: Trial, device: int) -> None:
    memory = need(t.proc.memfd_create("disk")).value
    need(t.proc.ftruncate(memory, SIZE))
    info = bytes(52) + struct.pack("<I", LO_FLAGS.AUTOCLEAR) + bytes(176)  # struct loop_info64
    asked = struct.pack("<II", memory, 0) + info + bytes(64)  # struct loop_config
    answer = t.proc.ioctl(device, LOOP.CONFIGURE, In(asked))
    if answer.errno not in (errno.EINVAL, errno.ENOTTY):
        need(answer)
        return
    need(t.proc.ioctl(device, LOOP.SET_FD, memory))  # before Linux 5.8
    need(t.proc.ioctl(device, LOOP.SET_STATUS64, In(info)))
