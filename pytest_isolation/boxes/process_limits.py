"""Limits of a process, getrlimit(2): what a box is asked to have, by the names that setrlimit(2) has."""

from __future__ import annotations

from dataclasses import dataclass

RESOURCES = (
    "cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile", "memlock", "as", "locks", "sigpending",
    "msgqueue", "nice", "rtprio", "rttime",
)  # fmt: skip
"""In the order of asm-generic/resource.h: the index is the number, RLIMIT_CPU is 0."""


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
