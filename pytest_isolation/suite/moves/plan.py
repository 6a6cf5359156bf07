"""Which machines are kept, and where each goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pytest_isolation.technologies.qemu.disk import Kind
from pytest_isolation.technologies.qemu.move import Way

HOST = "host"
"""The name of this host's QEMU among those of releases."""
Place = Literal["same process", "same directory", "another directory"]
Less = Literal["", "half of the state", "an empty disk", "without the file behind"]
"""What does not come along: nothing of it is left out by an honest carrier."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A machine's QEMU (HOST, or a release), its type, and the model of its processor."""

    qemu: str
    type: str = "q35"
    cpu: str = "max"


@dataclass(frozen=True, slots=True)
class To:
    """Where, and in what, it goes on."""

    setup: Setup
    place: Place = "another directory"
    less: Less = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One machine that is kept, once."""

    setup: Setup
    disk: Kind
    way: Way
    to: tuple[To, ...]


def within(qemu: str, types: Sequence[str]) -> Iterator[Source]:
    """Moves that stay with one QEMU; `types`: its versioned types q35, the newest first."""
    plain = Setup(qemu)
    older = replace(plain, type=types[1] if len(types) > 1 else types[0])
    other, small = replace(plain, type="pc"), replace(plain, cpu="qemu64")
    here, there = To(plain, "same directory"), To(plain)
    half, empty = To(plain, less="half of the state"), To(plain, less="an empty disk")
    yield Source(plain, "qcow2", "state", (there, To(small), To(older), To(other)))
    yield Source(plain, "raw", "state", (half, empty))
    yield Source(plain, "backed", "state", (here, there, To(plain, less="without the file behind")))
    yield Source(plain, "backed-absolutely", "state", (there,))
    yield Source(plain, "raw", "snapshot", (there,))
    yield Source(plain, "qcow2", "snapshot", (To(plain, "same process"),))
    yield Source(plain, "qcow2", "snapshot", (there,))
    yield Source(plain, "qcow2", "stop", (there,))


def between(qemus: Sequence[str], common: str) -> Iterator[Source]:
    """Moves from each QEMU to each other; `common`: the newest type q35 that all of them know."""
    kinds: tuple[tuple[str, str, Way], ...] = (
        (common, "qemu64", "state"),
        (common, "max", "state"),
        (common, "qemu64", "snapshot"),
        ("q35", "max", "state"),
    )
    for type, cpu, way in kinds:
        for qemu in qemus:
            to = tuple(To(Setup(other, type, cpu)) for other in qemus if other != qemu)
            yield Source(Setup(qemu, type, cpu), "qcow2", way, to)
