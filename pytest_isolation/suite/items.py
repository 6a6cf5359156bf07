"""Between pytest's items and a measurement: the check that an item holds, and a row as the text of its failure."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from pytest_isolation.guarantees.family import family_of
from pytest_isolation.guarantees.guarantee import ENTRY, PROMISE
from pytest_isolation.guarantees.property import Check
from pytest_isolation.guarantees.verdicts import Outcome, Verdict
from pytest_isolation.report.run import ResultRow
from pytest_isolation.suite.messages import Told

LETTERS = {
    Verdict.HOLDS: ".",
    Verdict.VIOLATED: "V",
    Verdict.VACUOUS: "E",
    Verdict.INCONCLUSIVE: "I",
    Verdict.UNSUPPORTED: "s",
}
PROPERTIES = ("box", "guarantee", "door", "sibling", "verdict", "claim", "control")
"""Of a row, on the case of pytest's JUnit report."""


@contextmanager
def unwritten_failures(item: pytest.Item) -> Generator[None]:
    """Hypothesis has pytest write out each violation that it sees, and nobody reads that: the row has the evidence.

    To write one takes longer than most examples, and a control sees nothing but violations.
    """
    item.repr_failure = lambda excinfo, style=None: str(excinfo.value)  # type: ignore[method-assign]
    try:
        yield
    finally:
        del item.repr_failure


def check_of(item: pytest.Function) -> Check:
    """The item's function with the parameters and fixtures it asks for, `box` aside."""
    given_by = item.callspec.params if hasattr(item, "callspec") else {}
    # pytest sets an item up where the run comes to it: a helper knows the parameters alone, and they are all it needs.
    known = {**given_by, **item.funcargs}
    given = {name: known[name] for name in item._fixtureinfo.argnames if name != "box"}
    hidden = {"box", PROMISE, ENTRY} if family_of(item.function) is not None else {"box"}
    shown = ", ".join(f"{name}={value!r}" for name, value in sorted(given_by.items()) if name not in hidden)
    return Check(item.function, given, item.instance, shown)


def shown(row: ResultRow) -> str:
    """What proves each of its violations, and the whole program."""
    lines: list[str] = []
    for evidence in row.evidence:
        calls, proof = evidence.calls, evidence.proof
        lines += [f"    {calls[number]}" for number in proof]
        lines += [f"    observed {key}: {value}" for key, value in evidence.observed.items()]
        if len(calls) > len(proof):
            lines += [
                "    the whole program:",
                *(f"    {'>' if n in proof else ' '} {call}" for n, call in enumerate(calls)),
            ]
    return "\n".join(lines)


def raise_outcome(row: ResultRow, told: set[tuple[str, str | None]]) -> None:
    """The row's outcome, in pytest's own way of saying it.

    `told`: box and reason of the rows that failed before: of rows that decide nothing, one cause is told once.
    """
    beside = f" beside {row.sibling}" if row.sibling else ""
    said = f"{row.guarantee} on {row.box}{beside}: {row.verdict}"
    if row.outcome is Outcome.FAILED:
        cause = row.box, row.reason
        again = row.verdict is Verdict.INCONCLUSIVE and cause in told
        told.add(cause)
        reason = "for the same reason as a row before it" if again else row.reason
        pytest.fail(f"{said}: {reason}\n{shown(row)}".rstrip(), pytrace=False)
    if row.outcome is Outcome.XFAILED:
        # Without pytest's extract of the source, which nobody sees and which takes longer than many a check.
        raise pytest.xfail.Exception(row.note or said, pytrace=False)
    if row.outcome is Outcome.SKIPPED:
        pytest.skip(row.reason or said)


def properties(told: Told) -> list[tuple[str, object]]:
    """Of one test, for pytest's JUnit report: texts."""
    row, proof = told.row, told.proof
    found: dict[str, str | None] = {}
    if row is not None:
        found = {name: getattr(row, name) for name in PROPERTIES}
    elif proof is not None:
        found = {"box": proof.box, "guarantee": proof.guarantee, "proof": proof.state}
    elif told.closed is not None:
        found = {"box": told.closed.box}
    return [(f"isolation.{name}", str(value)) for name, value in found.items() if value is not None]
