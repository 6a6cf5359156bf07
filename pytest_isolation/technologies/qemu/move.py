"""A running machine that becomes files, is carried to another directory or another QEMU, and goes on there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import started
from pytest_isolation.errors import AgentLost, BoxError, Unavailable
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.qemu import marks, state
from pytest_isolation.technologies.qemu.disk import NODE, Disk, job
from pytest_isolation.technologies.qemu.emulator import BINARY, Emulator, of_this_host, q35_types
from pytest_isolation.technologies.qemu.machine import Snapshot
from pytest_isolation.technologies.qemu.marks import Look
from pytest_isolation.technologies.qemu.vm import BootError, Vm, boot

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.technologies.qemu.machine import Machine

Way = Literal["state", "snapshot", "stop"]
WAYS: tuple[Way, ...] = ("state", "snapshot", "stop")
"""The state is kept beside the disk (QMP migrate); in the disk (snapshot-save); not at all: the machine is ended."""
TAG = "moved"
MODULES = ("virtio_blk", "virtio_net")
PAUSE_S = 0.2
LIVES_ON_S = 2.0
"""After a snapshot to which the same process goes back."""
ENDS_S = 20.0
HERE = ("52:54:00:00:00:01", "11111111-1111-4111-8111-111111111111")
THERE = ("52:54:00:00:00:02", "22222222-2222-4222-8222-222222222222")
"""MAC address and UUID that QEMU is given for the machine before the move, and after it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A machine that has become files; `machine` is it without its disk and its card."""

    machine: Machine
    way: Way
    disk: Disk | None
    snapshot: Snapshot
    before: Look
    bytes: int
    """Of the file with the state, and of the disk's."""
    seconds: float
    """From the moment it was stopped until its state was kept."""
    stopped: float
    """When that was, by the host's CLOCK_MONOTONIC."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a machine said when its state was about to be kept, and twice after it had moved."""

    before: Look | None
    after: Look | None = None
    later: int = 0
    """The counter, a moment after `after`."""
    lost: Sequence[str] = field(default=())
    """Of marks.lost(), and `counter`: what is not there."""
    bytes: int = 0
    kept_s: float = 0.0
    seconds: float = 0.0
    """From the start of the other QEMU until the machine answered."""
    away_s: float = 0.0
    """From the moment it was stopped, to be kept, until what was kept ran on: in `back`, LIVES_ON_S are part of it."""
    refused: str = ""
    """QEMU's words, where the machine did not go on."""

    @property
    def went_on(self) -> bool:
        """It had not begun anew, it counts, and nothing is lost."""
        if self.before is None or self.after is None or self.lost:
            return False
        return self.before.counter <= self.after.counter < self.later


def fitted(machine: Machine, its: Disk | None, names: tuple[str, str]) -> Machine:
    """With a disk, a network card that leads nowhere, and a UUID; without a disk, as it is."""
    if its is None:
        return machine
    mac, uuid = names
    card = ("-device", f"virtio-net-pci,mac={mac},romfile=", "-uuid", uuid)
    return replace(machine, modules=(*machine.modules, *MODULES), devices=(*machine.devices, *its.devices(), *card))


def keep(machine: Machine, way: Way, directory: Path, lifetime: Lifetime, its: Disk | None = None) -> Kept:
    """Boot `machine`, put marks into it, keep it in `directory` and on its disk, and end it.

    Raises BoxError with QEMU's words, and Unavailable without QEMU or a module.
    """
    with _running(fitted(machine, its, HERE), lifetime) as vm:
        before = _marked(vm, its)
        stopped = time.monotonic()
        vm.monitor.ask("stop")
        file = directory / "state" if way == "state" else None
        if file is not None:
            state.write(vm.monitor, file)
        elif way == "snapshot":
            take_snapshot(vm)
        seconds = time.monotonic() - stopped
        assert vm.descriptor is not None
        kept = Snapshot(file, vm.descriptor, tag="" if file is not None else TAG)
        _end(vm)
    size = (its.stored() if its is not None else 0) + (os.stat(file).st_size if file is not None else 0)
    return Kept(machine, way, its, kept, before, size, seconds, stopped)


def go_on(kept: Kept, to: Machine, lifetime: Lifetime, *, file: Path | None = None, its: Disk | None = None) -> Moved:
    """Go on in `to`, with the files that were carried there; then it is ended.  A refusal is an answer."""
    began = time.monotonic()
    snapshot = None if kept.way == "stop" else replace(kept.snapshot, file=file)
    moved = Moved(kept.before, bytes=kept.bytes, kept_s=kept.seconds)
    try:
        with _running(fitted(to, its, THERE), lifetime, snapshot) as vm:
            return _looked_at(vm, moved, its, goes_on=snapshot is not None, began=began, stopped=kept.stopped)
    except BootError as error:
        return replace(moved, refused=_words(error))


def back(machine: Machine, lifetime: Lifetime, its: Disk) -> Moved:
    """In one and the same process: a snapshot, LIVES_ON_S seconds of further life, and back to it.  Raises BoxError."""
    with _running(fitted(machine, its, HERE), lifetime) as vm:
        before = _marked(vm, its)
        stopped = time.monotonic()
        vm.monitor.ask("stop")
        take_snapshot(vm)
        seconds = time.monotonic() - stopped
        size = its.stored()
        vm.monitor.ask("cont")
        marks.write_disk(vm.agent.proc, marks.SYNCED_AT, marks.OTHER, sync=True)
        time.sleep(LIVES_ON_S)
        began = time.monotonic()
        vm.monitor.ask("stop")
        devices = {"vmstate": NODE, "devices": [NODE]}
        job(vm.monitor, "snapshot-load", "QEMU did not go back to the snapshot", tag=TAG, **devices)
        vm.monitor.ask("cont")
        assert vm.channel is not None
        vm.agent = Agent(vm.channel, machine=vm.agent.machine)
        moved = Moved(before, bytes=size, kept_s=seconds)
        return _looked_at(vm, moved, its, goes_on=True, began=began, stopped=stopped)


def move(machine: Machine, lifetime: Lifetime, emulators: Sequence[Emulator | None] = (None,)) -> list[Moved]:
    """Boot `machine`, keep its state in a file, end it, move the file, and go on from there in each of `emulators`.

    None is the machine's own.  With others, it is of a type that all of them know.  Raises BoxError, and Unavailable
    without QEMU.
    """
    others = [one for one in emulators if one is not None]
    if others and machine.type == "q35":
        own = machine.emulator or of_this_host()
        machine = replace(machine, type=common_type([own, *others], lifetime))
    kept = keep(machine, "state", lifetime.new_directory("kept"), lifetime)
    assert kept.snapshot.file is not None
    there = lifetime.new_directory("moved") / kept.snapshot.file.name
    shutil.move(kept.snapshot.file, there)
    to = [machine if one is None else replace(machine, emulator=one) for one in emulators]
    return [go_on(kept, one, lifetime, file=there) for one in to]


def common_type(emulators: Sequence[Emulator], lifetime: Lifetime) -> str:
    """The newest type q35 that all of them know.  Raises Unavailable."""
    first, *others = [q35_types(one, lifetime) for one in emulators]
    common = [name for name in first if all(name in known for known in others)]
    if not common:
        raise Unavailable("the QEMUs have no machine type pc-q35-* in common", "take releases that lie closer together")
    return common[0]


def take_snapshot(vm: Vm) -> None:
    """Keep the state of `vm` in its disk.  Raises BoxError with QEMU's words."""
    devices = {"vmstate": NODE, "devices": [NODE]}
    job(vm.monitor, "snapshot-save", "QEMU did not keep the machine's state", tag=TAG, **devices)


@contextmanager
def _running(machine: Machine, lifetime: Lifetime, snapshot: Snapshot | None = None) -> Iterator[Vm]:
    """In a control group of the run, where it may make one: as boxes are."""
    with ExitStack() as undo:
        group = lifetime.new_group("move", launcher.GUARD, within=cgroups.delegated())
        if group is not None:
            undo.callback(group.remove)
        vm = boot(machine, lifetime, group=group, snapshot=snapshot)
        undo.callback(vm.close)
        yield vm


def _marked(vm: Vm, its: Disk | None) -> Look:
    if vm.descriptor is None:
        raise BoxError("the machine has no virtio port, over which its agent could be met again")
    marks.put(vm.agent.proc, on_disk=its is not None)
    return marks.look(vm.agent.proc)


def _looked_at(vm: Vm, moved: Moved, its: Disk | None, *, goes_on: bool, began: float, stopped: float) -> Moved:
    runs = vm.went_on or time.monotonic()
    proc = vm.agent.proc
    try:
        if not goes_on:
            marks.mount(proc)
        after = marks.look(proc, counts=goes_on)
        seconds = time.monotonic() - began
        lost = marks.lost(proc, on_disk=its is not None, backed=its is not None and its.base is not None)
        time.sleep(PAUSE_S)
        later = marks.counted_to(proc, above=after.counter) if goes_on else 0
    except AgentLost as error:
        said = " ".join(line for line in vm.console.tail().splitlines()[-2:] if not line.startswith(BINARY))
        return replace(moved, refused=f"it was resumed, and does not answer: {error}{f'; {said}' if said else ''}")
    if not goes_on:
        lost = ["counter", *lost]
    return replace(moved, after=after, later=later, lost=lost, seconds=seconds, away_s=runs - stopped)


def _end(vm: Vm) -> None:
    """Have QEMU end by itself: then all is written."""
    vm.monitor.quit()
    deadline = time.monotonic() + ENDS_S
    while started(vm.pid) is not None:
        if time.monotonic() > deadline:
            raise BoxError(f"QEMU did not end within {ENDS_S:g} s of being told to")
        time.sleep(0.01)


def _words(error: BootError) -> str:
    said = [line.partition(": ")[2] for line in error.console.splitlines() if line.startswith(BINARY)]
    return "; ".join(line for line in said if "warning: " not in line) or error.why
