"""Limits, exercised inside and measured from outside: never read back.

The numbers are the host's account of the box's control group; what the box says of itself decides
nothing.
"""

from __future__ import annotations

import re
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import NO_CONTROL_GROUPS, ProcLost, Unsupported, unless_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.boxes.cgroups import Group
    from pytest_isolation.boxes.host import Host
    from pytest_isolation.outside.box import Box

LIMITED = {"memory": 64 * MIB, "pids": 48, "cpus": 0.5}
"""The limits of every check that exercises one: one box serves them all."""

PROT_RW, MAP_PRIVATE_ANON, MADV_POPULATE_WRITE = 3, 0x22, 23


def group_of(box: Box) -> Group:
    """The host's control group of `box`; raises Unsupported where the host has no account of it.

    Also where a limit the box has ends the box whole: nothing can be asked of it then.
    """
    if box.parts.group is None:
        raise Unsupported("no control group of the host counts this box", cause=unless_root(NO_CONTROL_GROUPS))
    refuse_deadly_limits(box)
    return box.parts.group


def refuse_deadly_limits(box: Box, **limits: int) -> None:
    """Raises Unsupported when `box`, or one like it with `limits`, would be ended whole by a limit it meets."""
    if box.parts.deadly_limits and (box.spec.memory or box.spec.pids or limits):
        raise Unsupported(box.parts.deadly_limits)


def memory_ceiling(box: Box) -> int:
    """The most the host may be charged for a box whose memory is limited, in bytes.

    The limit itself, and what the technology needs beside it and says so (a VM's own process).
    """
    return (box.spec.memory or 0) + (box.parts.memory_overhead or 0)


def hog(proc: Proc, size: int, piece: int = 4 * MIB) -> int:
    """Touch `size` bytes in pieces in `proc`; returns how many could be touched.

    Raises ProcLost when the kernel ended the process for it.
    """
    touched = 0
    while touched < size:
        program = Program(stop_on_error=True)
        room = program.mmap(0, piece, PROT_RW, MAP_PRIVATE_ANON)
        fd = program.openat(AT_FDCWD, "/dev/zero", 0)
        program.call("read", fd, room, piece)
        program.close(fd)
        replies = proc.run(program)
        if len(replies) < len(program) or not replies[len(replies) - 1].ok:
            # A box without /dev/zero: the kernel's random bytes fill memory as well.
            program = Program(stop_on_error=True)
            room = program.mmap(0, piece, PROT_RW, MAP_PRIVATE_ANON)
            program.madvise(room, piece, MADV_POPULATE_WRITE)
            replies = proc.run(program)
            if len(replies) < len(program) or not replies[len(replies) - 1].ok:
                break
        touched += piece
    return touched


def refused_early(group: Group, limit: int, touched: int) -> bool:
    """Whether a process was refused memory, not ended, before the group came near its limit: by something else."""
    return touched >= 0 and max(group.memory_bytes(), group.memory_peak()) < limit * 3 // 4


def end_first(proc: Proc) -> None:
    """Have the kernel end `proc`, before any other process of its box, when their memory runs out.

    Pages of files are no process's own: the choice among processes that are small alike would be chance, and could end
    the box's first one, and so the box.  To raise one's score needs no capability: proc_pid_oom_score_adj(5).
    """
    write(proc, "/proc/self/oom_score_adj", b"1000")  # without /proc it stays chance


@contextmanager
def crowd(box: Box, wanted: int) -> Iterator[int]:
    """As many processes as the box gives, up to `wanted`; gives how many there are."""
    with box.spawn() as parent:
        children: list[Proc] = []
        while len(children) < wanted:
            child, _ = parent.try_spawn()
            if child is None:
                break
            children.append(child)
        try:
            yield len(children)
        finally:
            # All in one program, and waited for: a process nobody waits for still counts.
            program = Program()
            for child in children:
                program.drop(child.path[-1])
                program.kill(child.pid, 9)
                program.wait4(child.pid)
            parent.run(program)


def burn(box: Box, processes: int, seconds: float) -> tuple[float, float]:
    """Keep `processes` busy for `seconds`; the processor time the host charged and the time it took, in seconds."""
    group = group_of(box)
    with ExitStack() as undo:
        busy = [undo.enter_context(box.spawn()) for _ in range(processes)]
        pending = []
        started, before = time.monotonic(), group.cpu_seconds()
        for proc in busy:
            program = Program()
            first = program.getrandom(4096)
            program.loop(first, seconds=seconds)
            pending.append(proc.start(program))
        for one in pending:
            one.result(timeout=seconds * 20 + 20)
        charged = group.cpu_seconds() - before
        return charged, time.monotonic() - started


def times_throttled(group: Group) -> int:
    """In how many periods the group had used up its quota: nr_throttled, scheduler/sched-bwc; 0 without an account."""
    file = group.file("cpu", "cpu.stat", "cpu.stat")
    found = re.search(r"^nr_throttled (\d+)$", text_of(file), re.MULTILINE) if file else None
    return int(found[1]) if found else 0


QUOTA_PERIOD_S, QUOTA_SLICE_S = 0.1, 0.01
"""A quota is given out anew by the period, to each processor a slice at a time; a slice outlives its period."""


def processors_of(host: Host) -> int:
    """How many processors a box's machine has, which may be another than this one: proc_stat(5)."""
    return len(re.findall(r"^cpu\d+ ", text_of(host.path("/proc/stat")), re.MULTILINE))


def burn_against(box: Box, quota: float, processes: int) -> tuple[float, float, float]:
    """Keep `processes` busy under `quota` processors; what was charged, what may be, and the window, in seconds."""
    processors = processors_of(box.parts.host)
    for seconds in (1.0, 4.0):
        charged, window = burn(box, processes, seconds)
        # What a window can hold at most: it touches one period more than it is long.
        allowed = quota * (window + QUOTA_PERIOD_S) + QUOTA_SLICE_S * processors
        # What runs past a slice because the clock's tick was late (in a VM it may be) is taken off the next periods:
        # over a longer window it is no more.  Twice as much is no tick's lateness.
        if charged <= allowed or charged > 2 * allowed:
            break
    return charged, allowed, window


def settled(group: Group, at_most: int, seconds: float = 2.0) -> int:
    """The number of tasks once what ended is gone."""
    deadline = time.monotonic() + seconds
    while (number := group.tasks()) > at_most and time.monotonic() < deadline:
        time.sleep(0.005)
    return number


def at_rest(group: Group, seconds: float = 2.0) -> int:
    """The number of tasks when it has not changed for 50 ms: what ended is gone."""
    deadline = time.monotonic() + seconds
    number = group.tasks()
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if (now := group.tasks()) == number:
            break
        number = now
    return number


def need_memory_account(box: Box) -> Group:
    """The box's group with its memory controller.  Raises Unsupported where none counts it."""
    group = group_of(box)
    if not group.has("memory"):
        raise Unsupported("no memory controller of the host counts this box")
    return group


def memory_to_be_had(box: Box, most: int) -> int:
    """How many bytes a process of the box can fill, a MiB at a time, until the box refuses or ends it."""
    filled = 0
    with box.spawn() as proc:
        try:
            while filled < most and hog(proc, MIB, piece=MIB):
                filled += MIB
        except ProcLost:
            pass  # the kernel ended it: that is the limit
    return filled
