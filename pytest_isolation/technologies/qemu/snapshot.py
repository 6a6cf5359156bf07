"""A machine as it was when its agent first answered, kept in a file: the next equal one starts from there.

A boot takes seconds under TCG, a restore a fraction of one.  What a copy must not share with the machine it was
copied from is made anew: the state of the random number generator, and the time of day.
"""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.caller import NOBODY, Caller
from pytest_isolation.technologies.qemu import state
from pytest_isolation.technologies.qemu.machine import Machine, Snapshot
from pytest_isolation.technologies.qemu.vm import Vm, boot

if TYPE_CHECKING:
    from pytest_isolation.boxes.cgroups import Group
    from pytest_isolation.boxes.lifetime import Lifetime

KEPT = 3
"""Machines of one run: the plain one, the limited one, and one more.  Each file has some 80 MiB."""
RNDADDENTROPY, RNDRESEEDCRNG = 0x4008_5203, 0x5207  # random(4)


def start(
    machine: Machine,
    lifetime: Lifetime,
    *,
    group: Group | None = None,
    caller: Caller = NOBODY,
    seeded: bool = True,
) -> Vm:
    """As `boot`; an equal machine that was started before in this run is not booted again.

    `seeded`: it has random bytes of its own, not those that its state holds.
    """
    kept: dict[Machine, Snapshot] = lifetime.kept.setdefault("qemu:snapshots", {})
    if machine in kept:
        vm = boot(machine, lifetime, group=group, snapshot=kept[machine], caller=caller)
        try:
            _renew(vm, seeded=seeded)
        except BaseException:
            vm.close()
            raise
        return vm
    vm = boot(machine, lifetime, group=group, caller=caller)
    if vm.descriptor is not None and machine.moves and machine.kept and len(kept) < KEPT:
        try:
            kept[machine] = save(vm, lifetime)
        except BaseException:
            vm.close()
            raise
    return vm


def save(vm: Vm, lifetime: Lifetime) -> Snapshot:
    """Keep the state of `vm`, which runs on.  Raises BoxError when QEMU does not."""
    assert vm.descriptor is not None
    file = lifetime.new_directory("snapshot") / "state"
    vm.monitor.ask("stop")
    state.write(vm.monitor, file)
    vm.monitor.ask("cont")
    return Snapshot(file, vm.descriptor)


def _renew(vm: Vm, *, seeded: bool) -> None:
    proc = vm.agent.proc
    must(proc.clock_settime(0, time.time()), "the time of day")
    if not seeded:
        return
    seed = os.urandom(64)
    program = Program()
    fd = program.openat(AT_FDCWD, "/dev/urandom", os.O_WRONLY)
    added = program.ioctl(fd, RNDADDENTROPY, In(struct.pack("<2i", len(seed) * 8, len(seed)) + seed))
    reseeded = program.ioctl(fd, RNDRESEEDCRNG)
    program.close(fd)
    replies = proc.run(program)
    must(replies[added], "a seed for the random number generator")
    must(replies[reseeded], "a new seed for the random number generator")
