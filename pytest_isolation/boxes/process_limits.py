"""Limits of a process, getrlimit(2): what a box is asked to have, by the names that setrlimit(2) has."""

from __future__ import annotations

import re
from dataclasses import dataclass

RESOURCES = (
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending",
    "msgqueue", "nice", "rtprio", "rttime",
)  # fmt: skip
"""In the order of asm-generic/resource.h: the index is the number, RLIMIT_CPU is 0."""
LINES = {
    "cpu": "Max cpu time", "fsize": "Max file size", "data": "Max data size", "stack": "Max stack size",
    "core": "Max core file size", "rss": "Max resident set", "nproc": "Max processes", "nofile": "Max open files",
    "memlock": "Max locked memory", "as": "Max address space", "locks": "Max file locks",
    "sigpending": "Max pending signals", "msgqueue": "Max msgqueue size", "nice": "Max nice priority",
    "rtprio": "Max realtime priority", "rttime": "Max realtime timeout",
}  # fmt: skip
"""Resource -> its line of /proc/PID/limits, proc_pid_limits(5)."""
INFINITY = 2**64 - 1
"""RLIM_INFINITY, as the kernel has it."""

Pair = tuple[int, int]
"""Soft and hard."""


@dataclass(frozen=True, slots=True, order=True)
class ProcessLimit:
    """One limit: `resource` of RESOURCES; `soft` and `hard` in the unit that setrlimit(2) gives to it."""

    resource: str
    soft: int
    hard: int

    @property
    def number(self) -> int:
        """As prlimit(2) takes it."""
        return RESOURCES.index(self.resource)


def limits_in(text: str) -> dict[str, Pair]:
    """Resource -> soft and hard, of the text of a /proc/PID/limits; without those that it has no line of."""
    found = {}
    for name, line in LINES.items():
        if match := re.search(rf"^{line}\s+(unlimited|\d+)\s+(unlimited|\d+)\b", text, re.MULTILINE):
            soft, hard = (INFINITY if number == "unlimited" else int(number) for number in match.groups())
            found[name] = (soft, hard)
    return found
