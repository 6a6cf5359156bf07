"""Boxes beside each other: what every two of a run's boxes keep from one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from pytest_isolation.report.run import ResultRow, Run


def rows(run: Run) -> tuple[ResultRow, ...]:
    """Those of a box beside another."""
    return tuple(row for row in run.results if row.sibling is not None)


def headline(run: Run) -> str | None:
    """ "120 pairs of boxes, each way: 1000 hold, 80 violated (0 required), 120 unsupported"; None without pairs."""
    found = rows(run)
    if not found:
        return None
    couples = {frozenset((row.box, row.sibling)) for row in found}
    counts = {verdict: sum(row.verdict is verdict for row in found) for verdict in Verdict}
    required = sum(row.verdict is Verdict.VIOLATED and row.outcome is Outcome.FAILED for row in found)
    said = [f"{counts[Verdict.HOLDS]} hold", f"{counts[Verdict.VIOLATED]} violated ({required} required)"]
    said += [
        f"{counts[verdict]} {verdict}"
        for verdict in (Verdict.VACUOUS, Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED)
        if counts[verdict]
    ]
    kinds = len({row.guarantee for row in found})
    plural = "s" if len(couples) != 1 else ""
    return f"{len(couples)} pair{plural} of boxes, each way, {kinds} guarantees each: {', '.join(said)}"


def violated(run: Run) -> Iterator[tuple[str, str, ResultRow]]:
    """(guarantee, between which boxes, one of the rows) of those that nothing requires."""
    found: dict[str, list[ResultRow]] = {}
    for row in rows(run):
        if row.verdict is Verdict.VIOLATED and row.outcome is not Outcome.FAILED:
            found.setdefault(row.guarantee, []).append(row)
    names = [name for name in (box.name for box in run.boxes) if any(row.box == name for row in rows(run))]
    for guarantee, held in found.items():
        yield guarantee, between(held, names), held[0]


def between(held: Iterable[ResultRow], names: Iterable[str]) -> str:
    """ "any beside host; docker beside podman": by the box or by its neighbour, whichever says it in fewer words."""
    couples = [(row.box, str(row.sibling)) for row in held]
    all_names = list(names)
    one = [f"{_listed(mine, all_names, box)} beside {box}" for box, mine in _grouped((b, a) for a, b in couples)]
    other = [f"{box} beside {_listed(theirs, all_names, box)}" for box, theirs in _grouped(couples)]
    return "; ".join(one if len(one) < len(other) else other)


def table(run: Run) -> tuple[list[str], list[list[str]]]:
    """(head, lines): a line for each box, a column for each neighbour."""
    found: dict[tuple[str, str], list[ResultRow]] = {}
    for row in rows(run):
        found.setdefault((row.box, str(row.sibling)), []).append(row)
    names = [box.name for box in run.boxes if any(box.name in couple for couple in found)]
    lines = [[name, *(_cell(found.get((name, other), [])) for other in names)] for name in names]
    return ["box, beside", *names], lines


def _cell(held: list[ResultRow]) -> str:
    asked = [row for row in held if row.verdict is not Verdict.UNSUPPORTED]
    broken = [row for row in asked if row.verdict is not Verdict.HOLDS]
    if not asked:
        return ""
    return f"{len(broken)} of {len(asked)}" if broken else "holds"


def _grouped(couples: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for one, other in couples:
        found.setdefault(one, []).append(other)
    return iter(found.items())


def _listed(names: list[str], all_names: list[str], but: str) -> str:
    return "any" if len(names) > 2 and set(names) >= set(all_names) - {but} else ", ".join(names)
