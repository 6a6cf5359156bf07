"""Rows that took fewer examples than a check of their kind does, because somebody asked for so few."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_isolation.guarantees.guarantee import EXAMPLES, Guarantee
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.report.run import ResultRow

SAYS = "fewer examples than its kind takes: "


def remarks(promise: Guarantee, ran: PropertyResult, asked: int | None) -> list[str]:
    """What the row says of it; nothing where every input was tried, or where it does not hold."""
    usual = EXAMPLES[promise.kind]
    if asked is None or asked >= usual or promise.kind != "per-call" or ran.exhausted or ran.examples >= usual:
        return []
    return [] if ran.violation or ran.trouble or ran.unsupported else [f"{SAYS}{ran.examples}, not {usual}"]


def notes(rows: Iterable[ResultRow]) -> list[str]:
    """The line of the run."""
    number = sum(SAYS in (row.remark or "") for row in rows)
    which = "1 row that holds" if number == 1 else f"{number} rows that hold"
    return [f"{which} took fewer examples than a check of the kind takes: --isolation-examples"] if number else []
