"""Drawn sequences over all engines: how many of which kind, and the smallest sequence that shows each."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from itertools import islice

from pytest_isolation.boxes.layers.model import Layers
from pytest_isolation.boxes.layers.specification import Reading, apply
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.suite.layers.compare import Difference, differences, unpack
from pytest_isolation.suite.layers.engines import engines
from pytest_isolation.suite.layers.engines.engine import Engine, Stored
from pytest_isolation.suite.layers.kinds import Kind, kind_of
from pytest_isolation.suite.layers.simpler import simpler

ROUND = 60
"""Simpler sequences that are tried at once."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one engine makes of one sequence, where that is not the specification's tree."""

    sequence: Layers
    differences: tuple[Difference, ...]


@dataclass(slots=True)
class Compared:
    """One engine over all sequences."""

    version: str = ""
    missing: str = ""
    """Why it could not be asked; empty: it was."""
    seconds: float = 0.0
    seen: list[tuple[Difference, ...]] = field(default_factory=list)
    """For each sequence that was asked about."""
    counted: dict[Kind, int] = field(default_factory=dict)
    """Kind -> in how many sequences."""
    shown: dict[Kind, Shown] = field(default_factory=dict)
    """Kind -> the smallest sequence that shows it: of those drawn, or none simpler where that was asked for."""


def compare(
    names: Sequence[str],
    sequences: Sequence[Layers],
    *,
    smallest: bool = False,
    tell: Callable[[str], None] = lambda said: None,
    into: dict[str, Compared] | None = None,
) -> dict[str, Compared]:
    """Each engine of `names` over `sequences`, side by side.  `into` has one once all its sequences were compared.

    `smallest`: what shows a difference that the specification decides is made minimal.  Raises KeyboardInterrupt, with
    what is known in `into`.
    """
    readings = [apply(sequence) for sequence in sequences]
    found = {} if into is None else into
    stop = threading.Event()

    def one(name: str) -> Compared:
        with ExitStack() as undo:
            try:
                engine: Engine = _Until(undo.enter_context(engines()[name]()), stop)
                tell(f"{name} {engine.version}: {len(sequences)} sequences")
                found[name] = compared = _over(engine, sequences, readings)
                if smallest:
                    for kind in sorted(kind for kind in compared.shown if not kind.silent):
                        tell(f"{name}: the smallest that {kind.told}")
                        compared.shown[kind] = minimal(engine, compared.shown[kind], kind)
            except Unavailable as error:
                return Compared(missing=str(error))
            except (BoxError, OSError) as error:  # this engine's alone, a full disk too: what the others do is told
                if not stop.is_set():
                    tell(f"{name}: {error}")
                return found.get(name, Compared(missing=str(error)))
        return compared

    # An engine waits for programs and a daemon of its own, so that one a processor leaves none idle.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        asked = {name: pool.submit(one, name) for name in names}
        try:
            done = {name: future.result() for name, future in asked.items()}
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)  # each ends what it has started, and only then this is raised
            raise
    found.clear()  # in the order of `names`, not in that of their ends
    found.update(done)
    return found


class _Stopped(Exception):
    """Nobody waits for an answer any more."""


@dataclass(frozen=True, slots=True)
class _Until:
    """An engine that is asked nothing new once `stop` is set."""

    engine: Engine
    stop: threading.Event

    @property
    def version(self) -> str:
        return self.engine.version

    def unpacked(self, stored: Stored) -> AbstractContextManager[bytes]:
        """As Engine.unpacked.  Raises _Stopped."""
        if self.stop.is_set():
            raise _Stopped
        return self.engine.unpacked(stored)


def _over(engine: Engine, sequences: Sequence[Layers], readings: Sequence[Reading]) -> Compared:
    """Raises BoxError."""
    began = time.monotonic()
    compared = Compared(version=engine.version)
    for sequence, reading, unpacked in zip(sequences, readings, unpack(engine, sequences, readings), strict=True):
        seen = tuple(differences(reading, unpacked))
        compared.seen.append(seen)
        for kind in {kind_of(one, sequence, reading) for one in seen}:
            compared.counted[kind] = compared.counted.get(kind, 0) + 1
            shown = compared.shown.get(kind)
            if shown is None or size(sequence) < size(shown.sequence):
                compared.shown[kind] = Shown(sequence, seen)
    compared.seconds = time.monotonic() - began
    return compared


def size(sequence: Layers) -> tuple[int, int, int]:
    """Smaller is simpler: entries, layers, letters."""
    entries = [entry for layer in sequence.layers for entry in layer]
    return len(entries), len(sequence.layers), len(repr(entries))


def minimal(engine: Engine, shown: Shown, kind: Kind) -> Shown:
    """A sequence that shows the kind with this engine, while no step simpler one does.  Raises BoxError."""
    while True:
        candidates = simpler(shown.sequence)
        while batch := list(islice(candidates, ROUND)):
            showing = _showing(engine, batch, kind)
            if showing:
                shown = min(showing, key=lambda one: size(one.sequence))
                break
        else:
            return shown


def _showing(engine: Engine, batch: Sequence[Layers], kind: Kind) -> list[Shown]:
    """Those of the sequences that show the kind: all are asked at once."""
    readings = [apply(sequence) for sequence in batch]
    found = []
    for sequence, reading, unpacked in zip(batch, readings, unpack(engine, batch, readings), strict=True):
        seen = differences(reading, unpacked)
        if kind in {kind_of(one, sequence, reading) for one in seen}:
            found.append(Shown(sequence, tuple(seen)))
    return found


def cases(found: Mapping[str, Compared]) -> list[Layers]:
    """The sequences that show the decided kinds, each once, the smallest first."""
    shown = {one.shown[kind].sequence for one in found.values() for kind in one.shown if not kind.silent}
    return sorted(shown, key=lambda sequence: (*size(sequence), repr(sequence)))
