"""Violations for a terminal: the call that proves one first, then its cause and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pytest_isolation.report import summary
from pytest_isolation.report.doors import doors_of, named, places
from pytest_isolation.report.lines import Paint, cut, wrapped
from pytest_isolation.report.why import lines as reasons
from pytest_isolation.report.why import together

if TYPE_CHECKING:
    from pytest_isolation.report.run import Evidence, ResultRow, Run

CALLS_SHOWN = 6
"""Of those before the one that proves it, the last.  The JSON has more."""
LABEL = 13


def required(run: Run, width: int, paint: Paint) -> Iterator[list[str]]:
    """Each violation that something requires not to be, with all that is known of it: first what the box does."""
    consequences = {one.id: one.consequence for one in run.guarantees}
    for where, row in named(summary.broken(run), doors_of(run)):
        says = "; ".join(text for text in (consequences.get(row.guarantee), row.note) if text)
        head = f"VIOLATED {row.guarantee} in {where}" + (f": {says}" if says else "")
        first, *more = wrapped(head, width, "    ")
        yield [paint(first, "red"), *more, *_whole(run, row, width)]


def accepted(run: Run, width: int, paint: Paint) -> list[str]:
    """The others: each guarantee once, and below it each box with its own evidence."""
    groups, doors = summary.accepted(run), doors_of(run)
    if not groups:
        return []
    lines = [paint("violated, not required (the JSON report has the whole programs)", "bold")]
    for rows in groups:
        held = [(box, found[0], all(one.known for one in found)) for box, found in places(rows, doors).items()]
        boxes = ", ".join(box + (" (known)" if known else "") for box, _, known in held)
        lines += wrapped(f"  {rows[0].guarantee}: {boxes}", width, "    ")
        across = max(len(box) for box, _, _ in held) if len(held) > 1 else -2
        for box, row, _ in held:
            if said := in_short(row):
                lines.append(cut(f"      {box + '  ' if len(held) > 1 else '':<{across + 2}}{said}", width))
        for text, which in together(run, ((box, row) for box, row, _ in held)):
            lines += wrapped(f"      {text}{_of(which)}", width, "          ")
    return lines


def in_short(row: ResultRow) -> str:
    """ "kill(48213, SIGUSR1) = 0; observed signals_seen = [10]": one line."""
    for evidence in row.evidence[:1]:
        proving = evidence.proving[-1:]
        return "; ".join([*proving, *([f"observed {_observed(evidence)}"] if evidence.observed else [])])
    return ""


def _observed(evidence: Evidence) -> str:
    return ", ".join(f"{name} = {value}" for name, value in evidence.observed.items())


def _whole(run: Run, row: ResultRow, width: int) -> Iterator[str]:
    if row.reason:
        yield from wrapped(f"  {row.reason}", width, "    ")
    for evidence in row.evidence:
        yield from _listed("proof", evidence.proving, width)
        yield from _listed("observed", [f"{name} = {value}" for name, value in evidence.observed.items()], width)
    for label, text in reasons(run, row):
        yield from wrapped(f"  {label:<{LABEL}}{text}", width, " " * (LABEL + 2))
    for evidence in row.evidence:
        if evidence.example:
            given = ", ".join(f"{name}={value}" for name, value in evidence.example.items())
            yield from wrapped(f"  {'with':<{LABEL}}{given}", width, " " * (LABEL + 2))
        others = [call for number, call in enumerate(evidence.calls) if number not in evidence.proof]
        calls = others[-CALLS_SHOWN:]
        left = len(others) - len(calls)
        yield from _listed("other calls", [f"({left} more before)", *calls] if left else calls, width)


def _listed(label: str, lines: Iterable[str], width: int) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield cut(f"  {'' if number else label:<{LABEL}}{line}", width)


def _of(boxes: list[str]) -> str:
    return f" ({', '.join(boxes)})" if boxes else ""
