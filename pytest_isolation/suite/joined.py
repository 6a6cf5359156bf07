"""Several tests under one promise make one row: the worst of them, never green over red.

    violated      one test that broke the promise broke it, whatever the others saw
    vacuous       a test that cannot fire makes what the others held doubtful
    inconclusive  the bench broke for a part of the promise
    unsupported   a part of the promise was not asked: the others do not hold it
    holds         all of them held

Parametrised checks are several tests, too: the row's key is box, guarantee, door and sibling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_isolation.guarantees.verdicts import Control, How, Outcome, Verdict
from pytest_isolation.report.run import ResultRow

WORST_FIRST = (Verdict.VIOLATED, Verdict.VACUOUS, Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED, Verdict.HOLDS)
CONTROLS_WORST_FIRST = (Control.SILENT, Control.NONE, Control.FIRED)


def joined(before: ResultRow | None, row: ResultRow, tests: Mapping[str, Verdict]) -> ResultRow:
    """The row of all tests so far.  `before`: of those until now, None for the first.

    The worse one says verdict, reason and control; the evidence is that of all, the worse one's first.  Where any of
    them fails the row does.  `tests`: the verdict of each by its node id; the row has them when there are several.
    """
    if before is None:
        return row
    worse, other = sorted((before, row), key=_rank)
    merged = replace(
        worse,
        evidence=(*worse.evidence, *other.evidence),
        coverage="sampled" if "sampled" in (worse.coverage, other.coverage) else "exhaustive",
        seconds=round(worse.seconds + other.seconds, 3),
        tests={test: str(verdict) for test, verdict in tests.items()},
    )
    if worse.outcome is not Outcome.FAILED and other.outcome is Outcome.FAILED:
        merged = replace(merged, outcome=Outcome.FAILED, note=f"another test of it is {other.verdict}: {other.reason}")
    if worse.verdict is other.verdict is Verdict.HOLDS:
        merged = replace(
            merged,
            examples=worse.examples + other.examples,
            decided=(worse.decided or 0) + (other.decided or 0),
            how=worse.how if worse.how is other.how else How.ISOLATED,
        )
    return merged


def _rank(row: ResultRow) -> tuple[int, int]:
    """The worse verdict first; of two that hold, the one whose control is weaker."""
    return WORST_FIRST.index(row.verdict), CONTROLS_WORST_FIRST.index(row.control)


def worse_proof(before: Control | None, state: Control) -> Control:
    """Of two controls of one guarantee on one box (--isolation-prove)."""
    return state if before is None else min(before, state, key=CONTROLS_WORST_FIRST.index)
