"""A scratch disk: a loop device over memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.agent.shortcuts import AT_FDCWD
from pytest_isolation.support.trial import need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.support.trial import Trial

O_TMPFILE = 0x410000
LOOP_CTL_GET_FREE, LOOP_SET_FD, LOOP_CLR_FD = 0x4C82, 0x4C00, 0x4C01
SIZE = 1 << 20


@contextmanager
def loop_device(t: Trial) -> Iterator[tuple[int, str]]:
    """Attach 1 MiB of memory to a free loop device: its number and path.  Raises Refused."""
    control = t.open("/dev/loop-control")
    number = need(t.proc.ioctl(control, LOOP_CTL_GET_FREE)).value
    path = f"/dev/loop{number}"
    if not t.exists(path):
        need(t.proc.mknodat(AT_FDCWD, path, 0o060600, 7 << 8 | number))
    device = t.open(path)
    memory = need(t.proc.memfd_create("disk")).value
    need(t.proc.ftruncate(memory, SIZE))
    need(t.proc.ioctl(device, LOOP_SET_FD, memory))
    try:
        yield number, path
    finally:
        t.proc.ioctl(device, LOOP_CLR_FD, 0)
