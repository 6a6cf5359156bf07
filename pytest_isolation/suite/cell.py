"""One cell of the matrix: one guarantee measured on one box, with its control."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_isolation.boxes.box import Box
from pytest_isolation.errors import IsolationError, Lacking, NotStarted, Unsupported, WentAway
from pytest_isolation.guarantees.domains import rests_on
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import Check, Ran, run_property
from pytest_isolation.suite import fewer
from pytest_isolation.suite.controls import BROKEN, Control, Controls
from pytest_isolation.suite.plan import Cell
from pytest_isolation.technologies.pool import Pool

CALLS_KEPT = 60
"""Of a violation's program, in the report."""


def measure(
    promise: Guarantee,
    test: Callable[..., Any] | Check,
    cell: Cell,
    *,
    pool: Pool,
    controls: Controls,
    seed: int,
    examples: int | None = None,
) -> dict[str, Any]:
    """The cell's row, as in the report, without what the claim makes of it.  `examples`: --isolation-examples.

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
            raise Unsupported(f"the box's seccomp filter kills who makes the calls of the check: {ran.trouble}")
    except NotStarted:
        raise
    except Lacking as error:
        ran = Ran(unsupported=error)
    except WentAway as error:
        ran, gone = Ran(trouble=str(error)), True
    except IsolationError as error:
        ran = Ran(trouble=str(error))
    control = Control("none") if gone else controls.of(promise, test, spec.technology)
    return {
        **key(promise, cell),
        **_verdict(promise, ran, control),
        "oracle": promise.oracle,
        "control": "none" if control.state == BROKEN else control.state,
        "control_box": control.box if control.state in ("fired", "silent") else None,
        "examples": ran.examples,
        "decided": ran.decided,
        "undecided": ran.reasons or None,
        "remark": "; ".join(sorted(ran.notes.remarks) + fewer.remarks(promise, ran, examples)) or None,
        "coverage": "exhaustive" if ran.exhausted else "sampled",
        "rate_below_95": None,
        "seconds": round(time.perf_counter() - started, 3),
        "evidence": [_evidence(ran, seed)] if ran.violation else [],
    }


def key(promise: Guarantee, cell: Cell) -> dict[str, Any]:
    """The fields that say which row it is."""
    return {
        "box": cell.spec.name,
        "guarantee": promise.id,
        "door": "exec" if cell.spec.attached else cell.spec.door,
        "sibling": cell.sibling.name if cell.sibling is not None else None,
    }


def unfinished(promise: Guarantee, cell: Cell) -> dict[str, Any]:
    """The row of a cell whose measurement never came to its end."""
    return {
        **key(promise, cell),
        "verdict": "inconclusive",
        "how": None,
        "reason": "the process that measured it ended before it was done; run this check alone to see why",
        "oracle": promise.oracle,
        "control": "none",
        "control_box": None,
        "examples": 0,
        "decided": 0,
        "undecided": None,
        "remark": None,
        "coverage": "sampled",
        "rate_below_95": None,
        "seconds": 0.0,
        "evidence": [],
    }


def unless_cut_short(promise: Guarantee, cell: Cell, measured: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """`measured()`; the row of a cell whose measurement never ended, when a plugin ended it (pytest-timeout)."""
    try:
        return measured()
    except (pytest.fail.Exception, pytest.skip.Exception) as error:
        said = " ".join(str(error).split())
        return unfinished(promise, cell) | {"reason": f"a plugin of pytest ended the measurement: {said}"}


def _trusted(ran: Ran, promise: Guarantee, box: Box) -> Ran:
    """What was measured, unless it may be so for our process alone and not for those of the box."""
    if ran.trouble is not None or ran.unsupported is not None:
        return ran
    verdict = "holds" if ran.violation is None else "violated"
    unlike = [*box.parts.unlike, *box.parts.unseen, *box.parts.beside]
    known = [replace(one, guarantees=rests_on(one.rests_on)) if one.rests_on else one for one in unlike]
    spoiling = [one.what for one in known if one.invalidates_verdict(promise.id, verdict)]
    if not spoiling:
        return ran
    seen = "it held for" if verdict == "holds" else "it was broken by"
    return Ran(unsupported=Unsupported(f"{seen} a process of ours that is not as the box's own: {'; '.join(spoiling)}"))


def _verdict(promise: Guarantee, ran: Ran, control: Control) -> dict[str, Any]:
    if ran.violation is not None:
        return {"verdict": "violated", "how": None, "reason": str(ran.violation)}
    if ran.unsupported is not None:
        return {"verdict": "unsupported", "how": None, **ran.unsupported.row()}
    if ran.trouble is not None:
        return {"verdict": "inconclusive", "how": None, "reason": ran.trouble}
    how = next(iter(ran.notes.how)) if len(ran.notes.how) == 1 else "isolated"
    if control.state == BROKEN:
        return {"verdict": "inconclusive", "how": how, "reason": f"it held, and its control broke: {control.reason}"}
    if control.state == "silent":
        return {"verdict": "vacuous", "how": how, "reason": f"the control stayed silent: {control.reason}"}
    return {"verdict": "holds", "how": how, **(control.row() if control.state == "none" else {"reason": None})}


def _evidence(ran: Ran, seed: int) -> dict[str, Any]:
    """The smallest program that broke the promise, the calls in it that prove so, and what the witness saw."""
    assert ran.violation is not None
    calls, proof, others = marked(ran.program, ran.violation.calls)
    return {
        "message": str(ran.violation),
        "example": ran.arguments,
        "calls": calls,
        "proof": proof,
        "observed": ran.violation.observed
        | ({"said": "; ".join(others)} if others else {})
        | {"violating_examples": f"{ran.violations} of {ran.examples}"},
        "seed": seed,
    }


def marked(program: Sequence[str], told: Sequence[str]) -> tuple[list[str], list[int], list[str]]:
    """The program up to the last call that `told` names, the numbers in it of all it names, and what it has not.

    What comes after is clean-up.  A check may tell of calls that no process of the box has made.
    """
    last = {call: number for number, call in enumerate(program)}
    proving = [last[one] for one in told if one in last]
    end = max(proving, default=len(program) - 1) + 1
    start = max(0, end - CALLS_KEPT)
    return (
        list(program[start:end]),
        sorted({number - start for number in proving if number >= start}),
        [one for one in told if one not in last],
    )
