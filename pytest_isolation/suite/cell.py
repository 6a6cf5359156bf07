"""One cell of the matrix: one guarantee measured on one box, with its control."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pytest_isolation.door import Door
from pytest_isolation.errors import (
    IsolationError,
    Lack,
    Lacking,
    NotStarted,
    Unsupported,
    Violation,
    WentAway,
    in_one_line,
)
from pytest_isolation.guarantees import verdicts
from pytest_isolation.guarantees.domains import rests_on
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import Check, run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.guarantees.verdicts import How, Key, Oracle, Verdict
from pytest_isolation.outside.box import Box
from pytest_isolation.report.run import Evidence, ResultRow
from pytest_isolation.suite import fewer
from pytest_isolation.suite.controls import Control, Controls, State
from pytest_isolation.suite.judge import Judged
from pytest_isolation.suite.plan import Cell
from pytest_isolation.technologies.pool import Pool

CALLS_KEPT = 60
"""Of a violation's program, in the report."""
UNFINISHED = "the process that measured it ended before it was done; run this check alone to see why"
NOT_RUN = Control(State.NONE)

Judging = Callable[[Key, Verdict, verdicts.Control], Judged]
"""What a verdict means, with the control's, for the claims of the cell's boxes."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a row says of the box before anybody asks what it claims."""

    verdict: Verdict
    how: How | None = None
    lack: Lack | None = None
    """Of a violation, its message; of a promise that holds, why nothing has proven it."""


def measure(
    promise: Guarantee,
    test: Callable[..., Any] | Check,
    cell: Cell,
    *,
    pool: Pool,
    controls: Controls,
    seed: int,
    judged: Judging,
    examples: int | None = None,
) -> ResultRow:
    """The cell's row.  `judged`: what the verdict means for this run; `examples`: --isolation-examples.

    Raises NotStarted where no box of the cell's spec can be started: then there is no row.
    """
    started = time.perf_counter()
    spec = cell.spec
    needed = replace(spec, **promise.box)
    gone = False
    try:
        if promise.intrusive and not spec.intrusive and spec.attached:
            raise Unsupported(
                "the check would disturb a box that is not ours; say intrusive=true in its spec to allow it"
            )
        box = pool.standing(spec, promise.box)
        if cell.sibling is not None:
            box = box.beside(pool.standing(cell.sibling, {}))
        number = cell.examples(promise, examples)
        ran = _trusted(run_property(promise, test, box, examples=number, seed=seed), promise, box)
        deadly = box.agent.unanswered if ran.lost else None
        if ran.trouble and not box.alive:
            pool.discard(needed)
            pool.standing(spec, promise.box)  # raises where it is the box that went away
        if deadly is not None and pool.standing(spec, promise.box).filter_kills(deadly):
            raise Unsupported(f"the box's seccomp filter kills the process that makes the check's calls: {ran.trouble}")
    except NotStarted:
        raise
    except Lacking as error:
        ran = PropertyResult(unsupported=error)
    except WentAway as error:
        ran, gone = PropertyResult(trouble=str(error)), True
    except IsolationError as error:
        ran = PropertyResult(trouble=str(error))
    # Nobody relies on a control of a box that was not asked, and some start a VM for it.
    asked = not gone and ran.unsupported is None
    control = controls.of(promise, test, spec.technology) if asked else NOT_RUN
    found = _found(ran, control)
    return _row(
        promise,
        cell,
        found,
        judged,
        control=control,
        examples=ran.examples,
        decided=ran.decided,
        undecided=ran.reasons or None,
        remark="; ".join(sorted(ran.notes.remarks) + fewer.remarks(promise, ran, examples)) or None,
        exhausted=ran.exhausted,
        seconds=round(time.perf_counter() - started, 3),
        evidence=(_evidence(ran, ran.violation, seed),) if ran.violation else (),
    )


def key(promise: Guarantee, cell: Cell) -> Key:
    """Of the cell's row."""
    return Key(
        box=cell.spec.name,
        guarantee=promise.id,
        door=Door.EXEC if cell.spec.attached else cell.spec.door,
        sibling=cell.sibling.name if cell.sibling is not None else None,
    )


def unfinished(promise: Guarantee, cell: Cell, judged: Judging, reason: str = UNFINISHED) -> ResultRow:
    """The row of a cell whose measurement never came to its end."""
    return _row(promise, cell, _Found(Verdict.INCONCLUSIVE, lack=Lack(reason)), judged)


def unless_cut_short(promise: Guarantee, cell: Cell, judged: Judging, measured: Callable[[], ResultRow]) -> ResultRow:
    """`measured()`; the row of a cell whose measurement never ended, when a plugin ended it (pytest-timeout)."""
    try:
        return measured()
    except (pytest.fail.Exception, pytest.skip.Exception) as error:
        said = in_one_line(error)
        return unfinished(promise, cell, judged, f"a plugin of pytest ended the measurement: {said}")


def _row(
    promise: Guarantee,
    cell: Cell,
    found: _Found,
    judged: Judging,
    *,
    control: Control = NOT_RUN,
    examples: int = 0,
    decided: int = 0,
    undecided: str | None = None,
    remark: str | None = None,
    exhausted: bool = False,
    seconds: float = 0.0,
    evidence: tuple[Evidence, ...] = (),
) -> ResultRow:
    at = key(promise, cell)
    says = judged(at, found.verdict, control.state.of_row)
    return ResultRow(
        box=at.box,
        guarantee=at.guarantee,
        door=at.door,
        sibling=at.sibling,
        verdict=found.verdict,
        how=found.how,
        oracle=Oracle(promise.oracle),
        claim=says.claim,
        required_by=says.required_by,
        outcome=says.outcome,
        control=control.state.of_row,
        control_box=control.box if control.state in (State.FIRED, State.SILENT) else None,
        examples=examples,
        coverage="exhaustive" if exhausted else "sampled",
        rate_below_95=None,
        seconds=seconds,
        reason=found.lack.reason if found.lack is not None else None,
        evidence=evidence,
        remedy=found.lack.remedy if found.lack is not None else None,
        cause=found.lack.cause if found.lack is not None else None,
        note=says.note,
        claim_source=says.claim_source,
        decided=decided,
        undecided=undecided,
        remark=remark,
        known=says.known,
    )


def _trusted(ran: PropertyResult, promise: Guarantee, box: Box) -> PropertyResult:
    """What was measured, unless it may be so for our process alone and not for those of the box."""
    if ran.trouble is not None or ran.unsupported is not None:
        return ran
    verdict = Verdict.HOLDS if ran.violation is None else Verdict.VIOLATED
    unlike = [*box.parts.unlike, *box.parts.unseen, *box.parts.beside]
    known = [replace(one, guarantees=rests_on(one.rests_on)) if one.rests_on else one for one in unlike]
    spoiling = [one for one in known if one.invalidates_verdict(promise.id, verdict)]
    if not spoiling:
        return ran
    seen = "it held for" if verdict is Verdict.HOLDS else "it was broken by"
    told = "; ".join(one.what for one in spoiling)
    return PropertyResult(unsupported=Unsupported(f"{seen} {spoiling[0].of}: {told}"))


def _found(ran: PropertyResult, control: Control) -> _Found:
    if ran.violation is not None:
        return _Found(Verdict.VIOLATED, lack=Lack(str(ran.violation)))
    if ran.unsupported is not None:
        return _Found(Verdict.UNSUPPORTED, lack=ran.unsupported.lack)
    if ran.trouble is not None:
        return _Found(Verdict.INCONCLUSIVE, lack=Lack(ran.trouble))
    how = How(next(iter(ran.notes.how))) if len(ran.notes.how) == 1 else How.ISOLATED
    if control.state is State.BROKEN:
        return _Found(Verdict.INCONCLUSIVE, how, Lack(f"it held, and its control broke: {control.reason}"))
    if control.state is State.SILENT:
        return _Found(Verdict.VACUOUS, how, Lack(f"the control stayed silent: {control.reason}"))
    return _Found(Verdict.HOLDS, how, control.lack if control.state is State.NONE else None)


def _evidence(ran: PropertyResult, violation: Violation, seed: int) -> Evidence:
    """The smallest program that broke the promise, the calls in it that prove so, and what the witness saw."""
    calls, proof = cropped(ran.program.calls, ran.program.proof)
    others = ran.program.others
    return Evidence(
        message=str(violation),
        example=ran.arguments,
        calls=calls,
        proof=proof,
        observed=violation.observed
        | ({"said": "; ".join(others)} if others else {})
        | {"violating_examples": f"{ran.violations} of {ran.examples}"},
        seed=seed,
    )


def cropped(calls: tuple[str, ...], proof: tuple[int, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The calls up to the last that proves the violation, CALLS_KEPT at most, and `proof` counted in them.

    What comes after is clean-up.
    """
    end = max(proof, default=len(calls) - 1) + 1
    start = max(0, end - CALLS_KEPT)
    return calls[start:end], tuple(number - start for number in proof if number >= start)
