"""What processes of a run tell each other: typed everywhere, and plain data on the way (`to_json`, `from_json`).

A cell's row, or why it has none, is on pytest's report of its test: `carried` and `arrived` are its way over
pytest-xdist's wire.  What belongs to a whole process comes at its end: `Process`; what a worker is going to measure,
on its first report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Control, Key
from pytest_isolation.report.rows import Row
from pytest_isolation.report.run import GuaranteeRow, HostFacts, ResultRow
from pytest_isolation.technologies.pool import Pool

ATTRIBUTE = "isolation"
"""Of pytest's report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Row):
    """A door of a box that nobody came through: no row was made for it."""

    box: str
    door: Door
    reason: str
    remedy: str | None = None
    cause: str | None = None

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}" if self.remedy else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof(Row):
    """What became of a control on a box that can open the guarantee's hole (--isolation-prove)."""

    box: str
    guarantee: str
    state: Control
    reason: str | None
    """Why it has not fired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Row):
    """What a machine found of a box before it started one, or why it cannot start it."""

    reason: str | None = None
    remedy: str | None = None
    cause: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine(Row):
    """Who measures, where machines do so side by side: told by each at its end."""

    facts: HostFacts
    boxes: Mapping[str, Found] = field(default_factory=dict)
    """By name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process(Row):
    """What only the process that started the boxes knows."""

    guarantees: tuple[GuaranteeRow, ...] = ()
    known: tuple[str, ...] = ()
    """Ids of the guarantees there are, wanted or not."""
    wrong: tuple[str, ...] = ()
    """What is written wrongly in the user's files."""
    planned: tuple[Key, ...] = ()
    """Keys of the rows that are to be measured."""
    starts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Box -> milliseconds of each of its starts."""
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Box -> what a reader of its results must know."""
    measured: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Box -> facts that only a running box can tell."""
    machine: Machine | None = None
    """Under --dist each: where it ran."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Row):
    """Of one test: its row, or why its box is closed, or a proof."""

    row: ResultRow | None = None
    closed: Closed | None = None
    proof: Proof | None = None
    plan: Process | None = None
    """On the first report of a worker: what it is going to measure, for whoever does not live to hear of its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Row):
    """Of one cell, from whoever has measured it."""

    told: Told
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Box -> what only the running box could tell of itself."""


def started_by(pool: Pool | None) -> Process:
    """What a process knows of the boxes that it has started; nothing without a pool."""
    if pool is None:
        return Process()
    return Process(
        starts={box: tuple(starts) for box, starts in pool.starts.items()},
        notes={box: tuple(notes) for box, notes in pool.notes.items()},
        measured=pool.measured,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed(Row):
    """What every worker of pytest-xdist must agree on with the controller."""

    run_id: str
    seed: int
    only_built_in: bool
    controls: str | None
    """The directory of the control results; None: the worker is on a machine of its own, and has its own."""
    unavailable: Mapping[str, str] | None
    """Box -> why it cannot be started; None: that is for the worker to find, on its machine."""
    host: str | None = None
    """What the worker's machine is called, where machines measure side by side."""


def tell(report: pytest.TestReport, told: Told) -> None:
    """Have a report carry `told`."""
    setattr(report, ATTRIBUTE, told)


def told_by(report: pytest.TestReport) -> Told | None:
    """What `tell` has said; None of a test that measures nothing."""
    found = getattr(report, ATTRIBUTE, None)
    return found if isinstance(found, Told) else None


def carried(data: dict[str, Any]) -> dict[str, Any]:
    """A report as pytest has serialised it, made plain."""
    told = data.get(ATTRIBUTE)
    return data | {ATTRIBUTE: told.to_json()} if isinstance(told, Told) else data


def arrived(report: pytest.TestReport) -> None:
    """The inverse, on the report that pytest has made of such data."""
    plain = getattr(report, ATTRIBUTE, None)
    if isinstance(plain, Mapping):
        tell(report, Told.from_json(plain))
