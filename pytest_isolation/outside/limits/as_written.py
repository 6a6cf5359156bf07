"""What the domain `port` asks of limits: each in the ways to write it, and what the kernel is to have.

One start has all of them that one box can have at the same time: together.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.boxes.weakenings import LIMIT_LOSSES, Weakening, lossy
from pytest_isolation.boxes.wording import BESIDE, LIMITS, NO_FILE, kernel_has
from pytest_isolation.errors import BoxError, Unavailable, Undecided, Unsupported
from pytest_isolation.outside.limits.asked import PAGES
from pytest_isolation.outside.limits.asked_resources import counted_by_v2, group_on_host, listed, weights_of
from pytest_isolation.outside.together import Part, Together
from pytest_isolation.outside.transfer.carried import alike

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box
    from pytest_isolation.outside.together import Start

DOCKER = "https://docs.docker.com/engine/containers/resource_constraints/"
RUN = "https://docs.docker.com/reference/cli/docker/container/run/"
MOST_SCORE = 999
"""One less than the most there is, which is a box's own where this run has it."""
Ways = list[tuple[str, str]]
"""Texts, and what each means, as boxes/wording.py writes what the kernel has on version 1."""


@dataclass(frozen=True, slots=True)
class Written:
    """One limit."""

    limit: str
    """Of wording.LIMITS."""
    what: str
    source: str
    ways: Callable[[int, Box], Ways]
    """Of a drawn number, for a box beside this one.  Raises Unsupported where its machine has no number to ask for."""
    kept: Callable[[str, str, bool], bool]
    """Whether what is meant is what the kernel has; and whether version 2 counts the box."""

    @property
    def hole(self) -> Weakening:
        """It is lost between who writes it and the kernel."""
        return lossy(f"limit-{self.limit}")

    def has_it(self, box: Box, meant: str, found: str) -> bool:
        """Whether what the kernel has for `box`, which was asked so, is what was meant.

        Raises Unsupported where the kernel of its machine has no file of it, and nothing could be told it.
        """
        files = LIMITS[self.limit].files
        if files and found == NO_FILE and not _withheld(box, files[0][0]):
            raise Unsupported(f"the kernel of the box's machine has no file of the {self.what}: none can be told it")
        return self.kept(meant, found, bool(files) and counted_by_v2(box, files[0][0]))


def _withheld(box: Box, controller: str) -> bool:
    """Whether the machine has `controller`, and the box's group was not given it: so it lacks files that there are."""
    group = group_on_host(box)
    machine = cgroups.Group("", cgroups.hierarchies(box.parts.host))
    return machine.has(controller) and not (group is not None and group.has(controller))


def _sizes(least: int) -> Callable[[int, Box], Ways]:
    """MiB from `least` on: in bytes, with each unit that docker-run(1) has, and uneven by a byte."""

    def ways(number: int, _: Box) -> Ways:
        size = least + number % 48
        texts = [f"{size}m", f"{size}M", f"{size << 10}k", f"{size << 10}K", f"{size << 20}b", f"{size << 20}"]
        return [*((text, f"{size * MIB}") for text in texts), (f"{size * MIB + 1}", f"{size * MIB + 1}")]

    return ways


def _numbers(least: int, most: int, of: str = "{}") -> Callable[[int, Box], Ways]:
    """`of`: how wording.py writes the number."""

    def ways(number: int, _: Box) -> Ways:
        found = str(least + number % (most - least + 1))
        return [(found, of.format(found))]

    return ways


def _scores(number: int, box: Box) -> Ways:
    """Above the score of this run, on the box's machine: an engine of ours that may not go below its own has that."""
    own = int(text_of(box.parts.host.path("/proc/self/oom_score_adj")))
    least = max(own, 0) + 1
    if least > MOST_SCORE:
        raise Unsupported(f"this run has a score of {own} for running out of memory: there is hardly one above")
    return _numbers(least, MOST_SCORE)(number, box)


def _processors(number: int, box: Box) -> Ways:
    """One of those that a box has unasked, as cpuset(7) lists it.  Raises Unsupported where that is but one."""
    had = sorted(listed(kernel_has(box.parts, "cpuset-cpus")))
    if len(had) < 2:
        raise Unsupported("such a box has one processor unasked, and cannot be asked to have less")
    one = had[number % len(had)]
    return [(text, f"{one}") for text in (f"{one}", f"{one}-{one}", f"{one},{one}")]


def _files(number: int, _: Box) -> Ways:
    """SOFT:HARD; one number is both."""
    soft = 512 + number % 3584
    return [(f"{soft}", f"{soft}:{soft}"), (f"{soft}:{soft}", f"{soft}:{soft}"), (f"{soft}:{2 * soft}",) * 2]


def _pages(meant: str, found: str, _: bool) -> bool:
    """The kernel rounds to pages."""
    return found.isdigit() and abs(int(found) - int(meant)) < PAGES


def _swap(meant: str, found: str, v2: bool) -> bool:
    """Version 2 counts swap by itself."""
    return _pages(str(int(meant) - BESIDE) if v2 else meant, found, v2)


def _same(meant: str, found: str, _: bool) -> bool:
    return found == meant


def _weight(meant: str, found: str, v2: bool) -> bool:
    """Version 2 has other numbers."""
    return found.isdigit() and int(found) in (weights_of(int(meant)) if v2 else {int(meant)})


def _set(meant: str, found: str, _: bool) -> bool:
    return found[:1].isdigit() and listed(found) == {int(meant)}


WRITTEN = (
    Written("memory", "limit on memory", f"{DOCKER}#memory", _sizes(24), _pages),
    Written("memory-swap", "limit on memory and swap", f"{DOCKER}#--memory-swap-details", _sizes(33), _swap),
    Written("memory-reservation", "soft limit on memory", f"{DOCKER}#memory", _sizes(16), _pages),
    Written("pids", "limit on processes", f"{RUN}#options (--pids-limit)", _numbers(24, 400), _same),
    Written("cpu-quota", "quota of processor time", f"{DOCKER}#cpu",
            _numbers(20_000, 90_000, "{} of 100000"), _same),
    Written("cpu-shares", "weight among who wants processors", f"{DOCKER}#cpu", _numbers(2, 1000), _weight),
    Written("cpuset-cpus", "set of processors", "man:cpuset(7), List format", _processors, _set),
    Written("oom-score-adj", "score for running out of memory", "man:proc_pid_oom_score_adj(5)", _scores, _same),
    Written("shm-size", "size of /dev/shm", f"{RUN}#options (--shm-size)", _sizes(1), _pages),
    Written("nofile", "limit on open files", f"{RUN}#ulimit", _files, _same),
)  # fmt: skip
assert tuple(one.hole for one in WRITTEN) == tuple(map(lossy, LIMIT_LOSSES))


# -- one start for all of them ------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Text:
    """A limit as it is written, and what that means, as boxes/wording.py writes what the kernel has on version 1."""

    limit: str
    text: str
    meant: str


Texts = tuple[Text, ...]
"""One for each limit that the box's technology has words for."""


def _started(*limits: str) -> Start[Texts]:
    @contextmanager
    def start(box: Box, wanted: Texts) -> Iterator[Box]:
        worded = tuple((one.limit, one.text) for one in wanted if one.limit in limits)
        with ExitStack() as undo:
            try:
                limited = undo.enter_context(alike(box, memory=None, pids=None, cpus=None, worded=worded))
            except (BoxError, Unavailable) as error:
                # What is refused is not otherwise than it was written.
                said = ", ".join(f"{limit} written as {text!r}" for limit, text in worded)
                raise Undecided(f"{said} is not taken: {error}") from None
            yield limited

    return start


def _part(one: Written) -> Part[Texts, tuple[bool, str]]:
    def read(limited: Box, wanted: Texts) -> tuple[bool, str]:
        for asked in wanted:
            if asked.limit == one.limit:
                found = kernel_has(limited.parts, one.limit)
                return one.has_it(limited, asked.meant, found), found
        raise Unsupported(f"nothing was asked of the {one.what}")

    return Part(_started(one.limit), read)


PARTS = {one.limit: _part(one) for one in WRITTEN}
"""Of each limit: whether the kernel has what was meant, and what it has."""
BY_ITSELF = "memory-swap"
"""It comes with a limit on memory of its own."""
_TOGETHER = tuple(limit for limit in PARTS if limit != BY_ITSELF)
ASKED = Together(_started(*_TOGETHER), *(PARTS[limit] for limit in _TOGETHER))
