"""Machines that are kept and go on elsewhere, one after another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError, Lacking, in_one_line
from pytest_isolation.suite.moves.plan import HOST, Setup, Source, To, between, within
from pytest_isolation.technologies.qemu import disk, marks, move
from pytest_isolation.technologies.qemu.disk import Disk
from pytest_isolation.technologies.qemu.emulator import Emulator, q35_types, version
from pytest_isolation.technologies.qemu.kernel import kernel
from pytest_isolation.technologies.qemu.machine import Machine
from pytest_isolation.technologies.qemu.move import Kept, Moved
from pytest_isolation.technologies.qemu.vm import BootError

BROKEN = Lacking, BoxError, OSError
"""What ends one move: OSError is a disk that is full.  What was measured until then stays, and the next is tried."""


@dataclass(slots=True)
class Measured:
    """All that was moved."""

    kernel: str = ""
    qemus: dict[str, str] = field(default_factory=dict)
    """HOST, or a release -> its version."""
    moves: list[tuple[Source, To, Moved]] = field(default_factory=list)


def planned(emulators: Mapping[str, Emulator], lifetime: Lifetime) -> list[Source]:
    """The moves within this host's QEMU, and from each to each.  Raises Unavailable, BoxError."""
    first, own = next(iter(emulators.items()))
    sources = list(within(first, q35_types(own, lifetime)))
    if len(emulators) > 1:
        sources += between(list(emulators), move.common_type(list(emulators.values()), lifetime))
    return sources


def measure(
    emulators: Mapping[str, Emulator],
    lifetime: Lifetime,
    *,
    tell: Callable[[str], None],
    into: Measured,
    sources: Sequence[Source] | None = None,
) -> None:
    """Each move of `sources` (default: all that are planned).  `into` has a move once it was made.

    Raises KeyboardInterrupt, and what `planned` does.
    """
    plain = Machine(kernel=kernel())
    into.kernel = plain.kernel.release
    into.qemus.update({name: version(one) for name, one in emulators.items()})
    for source in planned(emulators, lifetime) if sources is None else sources:
        setup = source.setup
        tell(f"{source.way} of {setup.qemu} {setup.type} {setup.cpu}, {source.disk}: {len(source.to)} moves")
        rest = list(source.to)
        try:
            with _directory(lifetime) as place:
                for to, moved in _moved(source, place, plain, emulators, lifetime):
                    into.moves.append((source, to, moved))
                    rest.remove(to)
        except BROKEN as error:
            into.moves += [(source, to, Moved(None, refused=in_one_line(error))) for to in rest]


@contextmanager
def _directory(lifetime: Lifetime) -> Iterator[Path]:
    place = lifetime.new_directory("move")
    try:
        yield place
    finally:
        lifetime.remove_directory(place)


def _moved(
    source: Source, place: Path, plain: Machine, emulators: Mapping[str, Emulator], lifetime: Lifetime
) -> Iterator[tuple[To, Moved]]:
    """Where each move of `source` came to.  Raises BROKEN where the machine itself was not kept."""
    first, carried = place / "first", place / "carried"
    first.mkdir()
    machine = fitting(plain, source.setup, emulators)
    try:
        its = disk.create(source.disk, first, marks.BASE, emulators[source.setup.qemu], lifetime)
        if source.to[0].place == "same process":
            yield source.to[0], move.back(machine, lifetime, its)
            return
        kept = move.keep(machine, source.way, first, lifetime, its)
    except BootError as error:
        yield from ((to, Moved(None, refused=f"it was not there to be moved: {error.why}")) for to in source.to)
        return
    first.rename(carried)  # where it was made, nothing is left
    for number, to in enumerate(source.to):
        there = first if to.place == "same directory" else place / f"{number}"
        try:
            there.mkdir()
            yield to, _gone_on(kept, to, carried, there, fitting(plain, to.setup, emulators), lifetime)
        except BROKEN as error:
            yield to, Moved(kept.before, refused=in_one_line(error), bytes=kept.bytes, kept_s=kept.seconds)
        shutil.rmtree(there, ignore_errors=True)


def fitting(plain: Machine, setup: Setup, emulators: Mapping[str, Emulator]) -> Machine:
    """A machine of that setup."""
    own = emulators[setup.qemu] if setup.qemu != HOST else None
    return replace(plain, emulator=own, type=setup.type, cpu=setup.cpu)


def _gone_on(kept: Kept, to: To, carried: Path, there: Path, machine: Machine, lifetime: Lifetime) -> Moved:
    assert kept.disk is not None
    there_now = replace(kept.disk, directory=carried).copied(there, without_base=to.less == "without the file behind")
    if to.less == "an empty disk":
        there_now = _empty(there_now)
    state = None
    if kept.snapshot.file is not None:
        state = there / kept.snapshot.file.name
        shutil.copyfile(carried / state.name, state)
        if to.less == "half of the state":
            os.truncate(state, state.stat().st_size // 2)
    return move.go_on(kept, machine, lifetime, file=state, its=there_now)


def _empty(its: Disk) -> Disk:
    """Another one of the same size, with nothing on it."""
    os.truncate(its.file, 0)
    os.truncate(its.file, disk.SIZE)
    return its
