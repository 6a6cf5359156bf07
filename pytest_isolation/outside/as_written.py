"""What the domain `port` asks of limits: each in the ways to write it, and what the kernel is to have."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.boxes.weakenings import LIMIT_LOSSES, Weakening, lossy
from pytest_isolation.boxes.wording import BESIDE
from pytest_isolation.errors import Unsupported
from pytest_isolation.outside.asked import PAGES
from pytest_isolation.outside.asked_resources import listed, weights_of

DOCKER = "https://docs.docker.com/engine/containers/resource_constraints/"
RUN = "https://docs.docker.com/reference/cli/docker/container/run/"
Ways = list[tuple[str, int]]
"""Texts, and the number that each means."""


@dataclass(frozen=True, slots=True)
class Written:
    """One limit."""

    limit: str
    """Of wording.LIMITS."""
    what: str
    source: str
    ways: Callable[[int], Ways]
    """Of a drawn number."""
    kept: Callable[[int, str], bool]
    """Whether what the kernel has is the number."""

    @property
    def hole(self) -> Weakening:
        """It is lost between who writes it and the kernel."""
        return lossy(f"limit-{self.limit}")


def _sizes(least: int) -> Callable[[int], Ways]:
    """MiB from `least` on: in bytes, with each unit that docker-run(1) has, and uneven by a byte."""

    def ways(number: int) -> Ways:
        size = least + number % 48
        texts = [f"{size}m", f"{size}M", f"{size << 10}k", f"{size << 10}K", f"{size << 20}b", f"{size << 20}"]
        return [*((text, size * MIB) for text in texts), (f"{size * MIB + 1}", size * MIB + 1)]

    return ways


def _numbers(least: int, most: int) -> Callable[[int], Ways]:
    def ways(number: int) -> Ways:
        found = least + number % (most - least + 1)
        return [(str(found), found)]

    return ways


def _processors(number: int) -> Ways:
    """One of the machine's, as cpuset(7) lists it.  Raises Unsupported where there is but one."""
    count = os.cpu_count() or 1
    if count < 2:
        raise Unsupported("the machine has one processor, which every box has")
    one = number % count
    return [(text, one) for text in (f"{one}", f"{one}-{one}", f"{one},{one}")]


def _files(number: int) -> Ways:
    """The number that a text means is the soft limit; the hard one is that, or twice as much."""
    soft = 512 + number % 3584
    return [(f"{soft}", soft), (f"{soft}:{soft}", soft), (f"{soft}:{2 * soft}", soft)]


def _pages(asked: int, found: str) -> bool:
    """The kernel rounds to pages."""
    return found.isdigit() and abs(int(found) - asked) < PAGES


def _swap(asked: int, found: str) -> bool:
    """Version 2 counts swap by itself."""
    return _pages(asked if "memory" in cgroups.hierarchies() else asked - BESIDE, found)


def _same(asked: int, found: str) -> bool:
    return found == str(asked)


def _weight(asked: int, found: str) -> bool:
    """Version 2 has other numbers."""
    if "cpu" in cgroups.hierarchies():
        return found == str(asked)
    return found.isdigit() and int(found) in weights_of(asked)


WRITTEN = (
    Written("memory", "limit on memory", f"{DOCKER}#memory", _sizes(24), _pages),
    Written("memory-swap", "limit on memory and swap", f"{DOCKER}#--memory-swap-details", _sizes(33), _swap),
    Written("memory-reservation", "soft limit on memory", f"{DOCKER}#memory", _sizes(16), _pages),
    Written("pids", "limit on processes", f"{RUN}#options (--pids-limit)", _numbers(24, 400), _same),
    Written("cpu-quota", "quota of processor time", f"{DOCKER}#cpu", _numbers(20_000, 90_000),
            lambda asked, found: found == f"{asked} of 100000"),
    Written("cpu-shares", "weight among who wants processors", f"{DOCKER}#cpu", _numbers(2, 1000), _weight),
    Written("cpuset-cpus", "set of processors", "man:cpuset(7), List format", _processors,
            lambda asked, found: found[:1].isdigit() and listed(found) == {asked}),
    Written("oom-score-adj", "score for running out of memory", "man:proc_pid_oom_score_adj(5)", _numbers(1, 900),
            _same),
    Written("shm-size", "size of /dev/shm", f"{RUN}#options (--shm-size)", _sizes(1), _pages),
    Written("nofile", "limit on open files", f"{RUN}#ulimit", _files,
            lambda asked, found: found in (f"{asked}:{asked}", f"{asked}:{2 * asked}")),
)  # fmt: skip
assert tuple(one.hole for one in WRITTEN) == tuple(map(lossy, LIMIT_LOSSES))
