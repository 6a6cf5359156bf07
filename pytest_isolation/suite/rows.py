"""Rows of a report, made of what a run knows: pure functions of facts that were gathered before."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.report.further import Cost
from pytest_isolation.report.run import BoxRow, GivenRow, GuaranteeRow, HostFacts, RunFacts
from pytest_isolation.suite.boxes import BoxCandidate
from pytest_isolation.suite.digest import check_digest

if TYPE_CHECKING:
    from pytest_isolation.guarantees.guarantee import Guarantee
    from pytest_isolation.suite.costs.measure import Measured


def host_facts() -> HostFacts:
    """Of this machine and this user, now."""
    return HostFacts(
        kernel=platform.release(),
        arch=platform.machine(),
        cgroup=cgroups.mode(),
        root=os.geteuid() == 0,
        more={"python": platform.python_version(), "cpus": os.cpu_count() or 0},
    )


def run_facts(id: str, started: float, seed: int | None, exit_status: int) -> RunFacts:
    """`started` as time.time() has it."""
    return RunFacts(
        id=id,
        argv=tuple(sys.argv[1:]),
        started=datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - started, 1),
        seed=seed,
        exit=exit_status,
    )


def guarantee_row(promise: Guarantee) -> GuaranteeRow:
    """As the report has it."""
    return GuaranteeRow(
        id=promise.id,
        domain=promise.domain,
        claim=promise.claim,
        sources=promise.sources,
        falsified_by=tuple(sorted(map(str, promise.falsified_by))),
        severity=promise.consequence.severity,
        consequence=promise.consequence.phrase,
        family=promise.family or None,
        check=check_digest(promise),
    )


def box_row(chosen: BoxCandidate, starts: list[float], notes: list[str], measured: Measured | None = None) -> BoxRow:
    """`starts`: milliseconds of those of the run's rows; `measured`: under --isolation-costs, which has its own."""
    costs = {"start_ms": Cost(median=round(statistics.median(starts), 1), n=len(starts))} if starts else {}
    if measured is not None:
        costs |= measured.costs
    facts = {key: value for key, value in chosen.facts.items() if key not in ("version", "given")}
    return BoxRow(
        name=chosen.spec.name,
        technology=chosen.spec.technology,
        spec=chosen.spec.plain() | ({"facts": facts} if facts else {}),
        version=chosen.facts.get("version"),
        available=chosen.available,
        reason=chosen.reason,
        remedy=chosen.remedy,
        cause=chosen.cause,
        costs=costs,
        notes=tuple(notes),
        given=_given(chosen.facts.get("given")),
        lacking={key: why for key, why in measured.lacking.items() if key not in costs} if measured is not None else {},
        growth=tuple(measured.growth) if measured is not None else (),
    )


def _given(rows: list[dict[str, Any]] | None) -> tuple[GivenRow, ...] | None:
    return tuple(map(GivenRow.from_json, rows)) if rows is not None else None
