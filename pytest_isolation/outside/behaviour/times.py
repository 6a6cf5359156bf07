"""Times of files, as they are set and as changes set them; and the clocks."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping

from pytest_isolation.agent.client import Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.agent.memory import In
from pytest_isolation.outside.behaviour.play import Call, Play, Verb, done, number

PATHS = ("a", "d", "l", "none")
"""A file, a directory, a link to the file, and nothing."""
TIMES = {
    "0": (0, 0),
    "0.000000001": (0, 1),
    "1000000001.5": (1_000_000_001, 500_000_000),
    "1234567890.123456789": (1_234_567_890, 123_456_789),
    "2147483647.999999999": (2_147_483_647, 999_999_999),
    "UTIME_OMIT": (0, (1 << 30) - 2),
    "UTIME_NOW": (0, (1 << 30) - 1),
    "no time": (0, 10**9),
}
"""Seconds and nanoseconds, utimensat(2); the last is EINVAL.  All that a file system with 32 bits of seconds has."""
NOW = range(1_700_000_000, 2_100_000_000)
"""Seconds that a clock which is right shows, and none of TIMES."""
CLOCKS = {
    "CLOCK_REALTIME": 0, "CLOCK_MONOTONIC": 1, "CLOCK_PROCESS_CPUTIME_ID": 2, "CLOCK_MONOTONIC_RAW": 4,
    "CLOCK_REALTIME_COARSE": 5, "CLOCK_BOOTTIME": 7, "CLOCK_TAI": 11, "99": 99,
}  # fmt: skip


def _time(seconds: int, nanoseconds: int) -> str:
    return "now" if seconds in NOW else f"{seconds}.{nanoseconds:09d}"


def changed(reply: Reply) -> str:
    """statx(2): stx_mtime is at 112."""
    return f"changed {_time(*struct.unpack_from('<qI', reply.data, 112))}"


def read(reply: Reply) -> str:
    """statx(2): stx_atime is at 64."""
    return f"read {_time(*struct.unpack_from('<qI', reply.data, 64))}"


def clock(reply: Reply) -> str:
    """Of CLOCK_REALTIME and its like whether it is right; another begins where it likes."""
    seconds, _ = struct.unpack("<2q", reply.data)
    return "now" if seconds in NOW else "some time"


def begin(play: Play) -> None:
    """A file, a directory and a link."""
    play.slots[0] = play.program.openat(AT_FDCWD, "a", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    play.program.mkdirat(AT_FDCWD, "d")
    play.program.symlinkat("a", AT_FDCWD, "l")


def end(play: Play) -> None:
    """What the times are.  That of the last reading of a link depends on how the file system is mounted: mount(8)."""
    for path in PATHS[:3]:
        step = play.program.statx(AT_FDCWD, path, AT.SYMLINK_NOFOLLOW)
        play.ask(f"lstat({path})", step, changed)
        if path == "a":
            play.ask("lstat(a)", step, read)


def _set(play: Play, call: Call) -> None:
    path, follows = PATHS[call.a % len(PATHS)], call.a < len(PATHS)
    (first, atime), (second, mtime) = list(TIMES.items())[call.b], list(TIMES.items())[call.n]
    flags = 0 if follows else AT.SYMLINK_NOFOLLOW
    step = play.program.call("utimensat", AT_FDCWD, path, In(struct.pack("<4q", *atime, *mtime)), flags)
    play.ask(f"utimensat({path}, {first}, {second}, {'0' if follows else 'AT_SYMLINK_NOFOLLOW'})", step, number)


def _write(play: Play, call: Call) -> None:
    play.ask(f"pwrite(a, {call.n} bytes)", play.program.pwrite64(play.slots[0], bytes(call.n), 0), number)


def _truncate(play: Play, call: Call) -> None:
    play.ask(f"ftruncate(a, {call.n})", play.program.ftruncate(play.slots[0], call.n), number)


def _make(play: Play, call: Call) -> None:
    play.ask(f"mkdir(d/{call.n})", play.program.mkdirat(AT_FDCWD, f"d/{call.n}"), number)


def _rename(play: Play, call: Call) -> None:
    step = play.program.renameat2(AT_FDCWD, f"d/{call.a}", AT_FDCWD, f"d/{call.b}")
    play.ask(f"rename(d/{call.a}, d/{call.b})", step, number)


def _mode(play: Play, call: Call) -> None:
    path, mode = PATHS[call.a % 2], (0o700, 0o755, 0o711, 0o750)[call.n % 4]
    play.ask(f"chmod({path}, {mode:o})", play.program.fchmodat(AT_FDCWD, path, mode), number)


def _clock(play: Play, call: Call) -> None:
    name, which = list(CLOCKS.items())[call.n]
    play.ask(f"clock_gettime({name})", play.program.clock_gettime(which), clock)


def _sleep(play: Play, call: Call) -> None:
    play.ask("nanosleep(1 ms)", play.program.nanosleep(0.001), done)


VERBS: Mapping[str, Verb] = {
    "set": _set, "write": _write, "truncate": _truncate, "make": _make, "rename": _rename, "mode": _mode,
    "clock": _clock, "sleep": _sleep,
}  # fmt: skip
