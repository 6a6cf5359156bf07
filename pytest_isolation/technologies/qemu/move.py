"""A running machine that becomes a file, is carried to another directory, and goes on there."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies.qemu.snapshot import Snapshot, save
from pytest_isolation.technologies.qemu.vm import boot

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.technologies.qemu.machine import Machine

COUNTER = "/counter"
COUNTS_FOR_S = 600
PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Moved:
    """What the counter of a process in the machine said when its state was about to be kept, and twice afterwards."""

    before: int
    after: int
    later: int
    bytes: int
    """Of the file."""
    seconds: float
    """From keeping the state until the machine answered from the new place."""

    @property
    def went_on(self) -> bool:
        """It had not begun anew, and it counts."""
        return self.before <= self.after < self.later


def move(machine: Machine, lifetime: Lifetime) -> Moved:
    """Boot `machine`, keep its state in a file, end it, move the file, and go on from there; then it is ended.

    Raises BoxError, and Unavailable without QEMU.
    """
    with boot(machine, lifetime) as vm:
        if vm.descriptor is None:
            raise BoxError("the machine has no virtio port, over which its agent could be met again")
        _count(vm.agent.proc)
        before = _counted_to(vm.agent.proc, above=10)
        began = time.perf_counter()
        kept = save(vm, lifetime)
    there = lifetime.new_directory("moved") / kept.file.name
    shutil.move(kept.file, there)
    with boot(machine, lifetime, snapshot=Snapshot(there, kept.descriptor)) as vm:
        after = _counted_to(vm.agent.proc)
        took = time.perf_counter() - began
        time.sleep(PAUSE_S)
        later = _counted_to(vm.agent.proc, above=after)
    return Moved(before, after, later, os.stat(there).st_size, took)


def _count(proc: Proc) -> None:
    """Have a process of the machine write a byte a millisecond; its answer never comes."""
    child = proc.spawn()
    program = Program()
    fd = program.openat(AT_FDCWD, COUNTER, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    first = program.write(fd, b"1")
    program.nanosleep(0.001)
    program.loop(first, 0, COUNTS_FOR_S)
    child.start(program)


def _counted_to(proc: Proc, *, above: int = 0) -> int:
    """Raises BoxError when the counter does not pass `above` in ten seconds."""
    for _ in range(200):
        found = proc.openat(AT_FDCWD, COUNTER, os.O_RDONLY)
        if found.ok:
            size = must(proc.lseek(found.value, 0, os.SEEK_END), "the counter").value
            proc.close(found.value)
            if size > above:
                return size
        time.sleep(0.05)
    raise BoxError(f"the counter in the machine did not pass {above} within 10 s")
