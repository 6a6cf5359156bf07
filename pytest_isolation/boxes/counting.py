"""A process that counts, in a file: where it goes on counting, the machine or the box that it is in goes on."""

from __future__ import annotations

import os
import struct
import time

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.errors import BoxError

FOR_S = 600
TRIES, PAUSE_S = 200, 0.05
CLOCKS = {"realtime": 0, "monotonic": 1, "boottime": 7}  # clock_gettime(2)


def count(proc: Proc, path: str) -> None:
    """Have a child of `proc` write a byte a millisecond to the file, for FOR_S; its answer never comes."""
    child = proc.spawn()
    program = Program()
    fd = program.openat(AT_FDCWD, path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    first = program.write(fd, b"1")
    program.nanosleep(0.001)
    program.loop(first, 0, FOR_S)
    child.start(program)


def counted(proc: Proc, path: str) -> int:
    """So far; 0 where nobody has begun."""
    found = proc.openat(AT_FDCWD, path, os.O_RDONLY | os.O_CLOEXEC)
    if not found.ok:
        return 0
    size = must(proc.lseek(found.value, 0, os.SEEK_END), "the counter").value
    proc.close(found.value)
    return size


def counted_to(proc: Proc, path: str, *, above: int = 0) -> int:
    """Raises BoxError when the counter does not pass `above` in ten seconds."""
    for _ in range(TRIES):
        if (size := counted(proc, path)) > above:
            return size
        time.sleep(PAUSE_S)
    raise BoxError(f"the counter in the machine did not pass {above} within {TRIES * PAUSE_S:g} s")


def seconds(timespec: bytes) -> float:
    """Of a struct timespec, clock_gettime(2)."""
    whole, nano = struct.unpack("<2q", timespec)
    return float(whole + nano / 1e9)
