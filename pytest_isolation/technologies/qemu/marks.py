"""What is put into a running machine before it moves, and looked for afterwards.

A counter that a process of it goes on counting, bytes in its memory, bytes on its disk, its clocks and its names.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import must, read, write
from pytest_isolation.boxes import counting
from pytest_isolation.boxes.counting import CLOCKS, seconds
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.technologies.qemu import disk

COUNTER, MEMORY, DEVICE = "/counter", "/memory", "/dev/vda"
PIECE = 256 << 10
SYNCED_AT, CACHED_AT = 0, 4 * MIB
BLKFLSBUF = 0x1261  # linux/fs.h
FILES = {
    "boot-id": "/proc/sys/kernel/random/boot_id",
    "uuid": "/sys/class/dmi/id/product_uuid",
    "mac": "/sys/class/net/eth0/address",
}
CLOCKSOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


def _drawn(seed: int, size: int = PIECE) -> bytes:
    return random.Random(seed).randbytes(size)


IN_MEMORY = _drawn(1, MIB)
SYNCED, CACHED, BASE, OTHER = (_drawn(seed) for seed in (2, 3, 4, 5))
"""Written to the disk and synced; written and not synced; what the file behind the disk has; written too late."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a machine says of itself."""

    counter: int
    clocks: dict[str, float]
    """Of CLOCKS, in seconds."""
    host: float
    """The host's CLOCK_MONOTONIC at that moment."""
    names: dict[str, str]
    """Of FILES; without those that the machine does not have."""
    clocksource: str


def put(proc: Proc, *, on_disk: bool) -> None:
    """Into a machine whose agent is in the initramfs; returns when it counts."""
    mount(proc)
    must(write(proc, MEMORY, b"", os.O_WRONLY | os.O_CREAT), MEMORY)
    for at in range(0, MIB, PIECE):
        must(write(proc, MEMORY, IN_MEMORY[at : at + PIECE], os.O_WRONLY | os.O_APPEND), MEMORY)
    if on_disk:
        write_disk(proc, SYNCED_AT, SYNCED, sync=True)
        write_disk(proc, CACHED_AT, CACHED, sync=False)
    counting.count(proc, COUNTER)
    counted_to(proc, above=10)


def mount(proc: Proc) -> None:
    """What the names are read of."""
    for name, place in (("proc", "/proc"), ("sysfs", "/sys")):
        must(proc.mount(name, place, name), f"mounting {name}")


def write_disk(proc: Proc, at: int, data: bytes, *, sync: bool) -> None:
    """`sync`: as fsync(2) does it; else it stays in the machine's memory for a while.

    Who closes a disk's last descriptor syncs it (linux block/bdev.c, blkdev_put_whole): then it stays open.
    """
    program = Program(stop_on_error=True)
    fd = program.openat(AT_FDCWD, DEVICE, os.O_WRONLY | os.O_CLOEXEC)
    program.pwrite64(fd, data, at)
    if sync:
        program.fsync(fd)
        program.close(fd)
    must(proc.run(program)[-1], "writing to the disk")


def look(proc: Proc, *, counts: bool = True) -> Look:
    """`counts`: whether there is a counter.  Raises BoxError where it is not."""
    program = Program()
    steps = {name: program.clock_gettime(number) for name, number in CLOCKS.items()}
    began = time.monotonic()
    replies = proc.run(program)
    host = (began + time.monotonic()) / 2
    clocks = {name: seconds(must(replies[step], name).data) for name, step in steps.items()}
    texts = {name: read(proc, path).data.decode(errors="replace").strip() for name, path in FILES.items()}
    source = read(proc, CLOCKSOURCE).data.decode(errors="replace").strip()
    counter = counted_to(proc) if counts else 0
    return Look(counter, clocks, host, {name: text for name, text in texts.items() if text}, source)


def lost(proc: Proc, *, on_disk: bool, backed: bool) -> list[str]:
    """Which of the bytes are not there: memory, synced, cached, base.

    The disk is read after all that the machine has of it in memory was written, and given up.
    """
    return [name for name, there in _bytes(proc, on_disk=on_disk, backed=backed) if not there]


def _bytes(proc: Proc, *, on_disk: bool, backed: bool) -> Iterator[tuple[str, bool]]:
    yield "memory", _read(proc, MEMORY, 0, MIB) == IN_MEMORY
    if on_disk:
        yield from on_the_disk(proc, backed=backed)


def on_the_disk(proc: Proc, *, backed: bool) -> Iterator[tuple[str, bool]]:
    """Name of the bytes -> whether they are there."""
    program = Program()
    fd = program.openat(AT_FDCWD, DEVICE, os.O_RDONLY | os.O_CLOEXEC)
    flushed = program.ioctl(fd, BLKFLSBUF)
    program.close(fd)
    must(proc.run(program)[flushed], "giving up what is kept of the disk")
    yield "synced", _read(proc, DEVICE, SYNCED_AT, PIECE) == SYNCED
    yield "cached", _read(proc, DEVICE, CACHED_AT, PIECE) == CACHED
    if backed:
        yield "base", _read(proc, DEVICE, disk.BASE_AT, PIECE) == BASE


def _read(proc: Proc, path: str, at: int, size: int) -> bytes:
    found = b""
    while len(found) < size:
        program = Program()
        fd = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_CLOEXEC)
        data = program.pread64(fd, min(PIECE, size - len(found)), at + len(found))
        program.close(fd)
        replies = proc.run(program)
        if not (piece := replies[data].data):
            break
        found += piece
    return found


def counted_to(proc: Proc, *, above: int = 0) -> int:
    """Raises BoxError when the counter does not pass `above` in ten seconds."""
    return counting.counted_to(proc, COUNTER, above=above)
