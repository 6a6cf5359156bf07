"""The form of a result: a list of series, each with a metric, a unit, its values and its dimensions."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SCHEMA = "pytest-isolation/bench/1"


@dataclass(frozen=True, slots=True)
class Series:
    """`values` in `unit`, in the order measured; `dimensions` say what was measured: box, side, ..."""

    metric: str
    unit: str
    values: Sequence[float]
    dimensions: Mapping[str, str]

    @property
    def key(self) -> tuple[str, ...]:
        return (self.metric, self.unit, *(f"{name}={value}" for name, value in sorted(self.dimensions.items())))

    @property
    def median(self) -> float:
        return statistics.median(self.values)


def write(path: Path, series: Sequence[Series]) -> None:
    """With what a reader must know of the machine: its processors and how busy it was."""
    document = {
        "schema": SCHEMA,
        "machine": {
            "kernel": platform.release(),
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "load": os.getloadavg()[0],
        },
        "series": [asdict(one) for one in series],
    }
    path.write_text(json.dumps(document, indent=1) + "\n")


def read(path: Path) -> list[Series]:
    """Raises ValueError for a file that is none of ours."""
    document: Any = json.loads(path.read_text())
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"{path}: expected a result of `python -m bench`, with schema {SCHEMA!r}")
    return [Series(**one) for one in document["series"]]


def find(series: Sequence[Series], metric: str, **dimensions: str) -> Series | None:
    for one in series:
        if one.metric == metric and one.dimensions == dimensions:
            return one
    return None
