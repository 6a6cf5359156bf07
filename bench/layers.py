"""Drawn sequences of image layers over every engine: side by side, as `pytest-isolation layers` does, and each alone.

Each round draws sequences of its own; those of a round are the same for all of its runs.
"""

from __future__ import annotations

import time

from bench.series import Series
from pytest_isolation.suite.layers.draw import drawn
from pytest_isolation.suite.layers.engines import engines
from pytest_isolation.suite.layers.search import Compared, compare

COUNT = 300


def layers(rounds: int, count: int = COUNT) -> list[Series]:
    """Sequences a minute: over all engines that are here, and over each.  Raises SystemExit where none is."""
    rates: dict[str, list[float]] = {}
    ratios = []
    for number in range(rounds):
        sequences = drawn(count, number)
        began = time.perf_counter()
        found = compare(list(engines()), sequences)
        together = time.perf_counter() - began
        here = [name for name, one in found.items() if not one.missing]
        if not here:
            raise SystemExit(f"bench: no engine unpacks layers here: {_why(found)}")
        rates.setdefault(f"all {len(here)}", []).append(count * 60 / together)
        alone = 0.0
        for name in here:
            began = time.perf_counter()
            compare([name], sequences)
            took = time.perf_counter() - began
            rates.setdefault(name, []).append(count * 60 / took)
            alone += took
        ratios.append(together / alone)
    rows = [Series("layers", "1/min", values, {"engine": name}) for name, values in rates.items()]
    return [*rows, Series("layers.ratio", "x", ratios, {"of": "one after another"})]


def _why(found: dict[str, Compared]) -> str:
    return "; ".join(f"{name}: {one.missing}" for name, one in found.items())
