"""The same sequence in a box and on its machine: what came of each call, side by side."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT, AT_FDCWD, DT
from pytest_isolation.agent.shortcuts import entries, must, needed
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.roads import TREE
from pytest_isolation.boxes.unpack import unpack
from pytest_isolation.outside.behaviour import names
from pytest_isolation.outside.behaviour.kinds import Kind
from pytest_isolation.outside.behaviour.play import PASSES_S, Call, Play, Seen
from pytest_isolation.outside.transfer.carried import alike

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

PATIENT_S = 0.05
"""As PASSES_S, where a difference is to be confirmed."""
UMASK = 0o022
"""Of both: what whoever started them has is no part of the question."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One sequence, on the machine and in the box."""

    machine: tuple[Seen, ...]
    box: tuple[Seen, ...]

    @property
    def differing(self) -> int | None:
        """The place of the first call that ended otherwise; None where all ended alike."""
        pairs = enumerate(zip(self.machine, self.box, strict=False))
        at = next((place for place, (one, other) in pairs if one != other), min(len(self.machine), len(self.box)))
        return None if at == len(self.machine) == len(self.box) else at

    @property
    def first(self) -> tuple[Seen, Seen] | None:
        """That call, on the machine and in the box."""
        at = self.differing
        if at is None:
            return None
        nothing = Seen("nothing", "no call")
        return tuple(side[at] if at < len(side) else nothing for side in (self.machine, self.box))  # type: ignore[return-value]

    @property
    def program(self) -> tuple[str, ...]:
        """The calls as the machine answered them, before the first that ended otherwise."""
        return tuple(map(str, self.machine[: self.differing]))


def compared(box: Box, kind: Kind, sequence: Sequence[Call]) -> Compared:
    """One sequence on both sides, each in a new process and an empty directory.

    Raises Undecided where the box takes neither, BoxError.
    """
    return _patiently(kind, partial(_compared, box, kind, sequence))


def _patiently(kind: Kind, compare: Callable[[float], Compared]) -> Compared:
    """Of what takes its time on its way, what differs must do so where both sides are given more: a box may be slow."""
    found = compare(PASSES_S)
    return compare(PATIENT_S) if kind.takes_time and found.first is not None else found


def _compared(box: Box, kind: Kind, sequence: Sequence[Call], passes: float) -> Compared:
    with _on_machine(box) as place:
        machine = _played(box.outside.proc, place, kind, sequence, passes)
    with _directory(box.proc, box.scratch) as place:
        return Compared(machine, _played(box.proc, place, kind, sequence, passes))


def compared_on_image(box: Box, kind: Kind, sequences: Sequence[Sequence[Call]]) -> list[Compared]:
    """Each on a tree of its own, of the image of one fresh box like `box`, and of a directory of the machine.

    Raises Unsupported where boxes have no image, BoxError.
    """
    places = [b"T%d" % number for number in range(len(sequences))]
    found: list[tuple[Seen, ...]] = []
    image = Image(tuple(entry for place in places for entry in names.tree(place).entries))
    with _on_machine(box) as above:
        unpack(image, box.outside.proc, os.fsencode(above))
        for place, sequence in zip(places, sequences, strict=True):
            found.append(_played(box.outside.proc, f"{above}/{os.fsdecode(place)}", kind, sequence))
    made = Image((names.tree(TREE).entries[0], *(_below(entry) for entry in image.entries)))
    with alike(box, image=made, uid=0, gid=0, workdir="/") as fresh:
        return [
            Compared(machine, _played(fresh.proc, f"/{os.fsdecode(TREE)}/{os.fsdecode(place)}", kind, sequence))
            for place, sequence, machine in zip(places, sequences, found, strict=True)
        ]


def compared_elsewhere(box: Box, kind: Kind, sequence: Sequence[Call]) -> Compared:
    """As compared(), and where the box has another file system: a memory's at /dev/shm.

    What is asked of the image's files, of files of the box's own.  Raises Undecided, BoxError.
    """
    return _patiently(kind, partial(_compared_elsewhere, box, kind, sequence))


def _compared_elsewhere(box: Box, kind: Kind, sequence: Sequence[Call], passes: float) -> Compared:
    above = box.scratch if kind.on_image else "/dev/shm"
    with _on_machine(box) as there, _directory(box.proc, above) as here:
        if kind.on_image:
            unpack(names.tree(b"T"), box.outside.proc, os.fsencode(there))
            unpack(names.tree(b"T"), box.proc, os.fsencode(here))
            there, here = f"{there}/T", f"{here}/T"
        machine = _played(box.outside.proc, there, kind, sequence, passes)
        return Compared(machine, _played(box.proc, here, kind, sequence, passes))


def _below(entry: Entry) -> Entry:
    data = TREE + b"/" + entry.data if entry.kind == "hardlink" else entry.data
    return replace(entry, path=TREE + b"/" + entry.path, data=data)


def _played(
    above: Proc, place: str, kind: Kind, sequence: Sequence[Call], passes: float = PASSES_S
) -> tuple[Seen, ...]:
    child, reply = above.try_spawn()
    needed(reply, "a process of our own")
    assert child is not None
    with child:
        must(child.chdir(place), "a directory of our own")
        child.umask(UMASK)
        play = Play(child, passes)
        kind.begin(play)
        for play.of, call in enumerate(sequence):
            kind.verbs[call.verb](play, call)
        play.of = len(sequence)
        kind.end(play)
        return play.seen()


@contextmanager
def _on_machine(box: Box) -> Iterator[str]:
    with box.outside.directory() as place, ExitStack() as undo:
        undo.callback(_clear, box.outside.proc, os.fspath(place))
        yield os.fspath(place)


@contextmanager
def _directory(proc: Proc, above: str) -> Iterator[str]:
    place = f"{above.rstrip('/')}/pytest-isolation-{secrets.token_hex(4)}"
    needed(proc.mkdirat(AT_FDCWD, place, 0o700), "a directory of our own")
    try:
        yield place
    finally:
        _clear(proc, place)
        proc.unlinkat(AT_FDCWD, place, AT.REMOVEDIR)


def _clear(proc: Proc, place: str) -> None:
    """Take away all that is in `place`."""
    program = Program()
    for name, kind in entries(proc, place):
        path = f"{place}/{name}"
        if kind == DT.DIR:
            _clear(proc, path)
        program.unlinkat(AT_FDCWD, path, AT.REMOVEDIR if kind == DT.DIR else 0)
    if len(program):
        proc.run(program)
