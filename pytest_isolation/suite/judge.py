"""What a verdict means for this run: the claim it is set beside, and the outcome pytest gives it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_isolation.boxes.words import PROOF
from pytest_isolation.door import Door
from pytest_isolation.guarantees import claims
from pytest_isolation.guarantees.outcome import judge
from pytest_isolation.guarantees.verdicts import Claim, Control, Key, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_isolation.guarantees.guarantee import Guarantee
    from pytest_isolation.options.config import RunConfig
    from pytest_isolation.report.run import ResultRow
    from pytest_isolation.suite.boxes import BoxCandidate

UNPROVEN = Verdict.HOLDS, Control.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The fields of a row that follow from its verdict; ResultRow says what each is."""

    claim: Claim
    claim_source: str | None
    required_by: str | None
    outcome: Outcome
    note: str | None
    known: bool


class Judge:
    """Judges rows by claims, a profile and a baseline, as the user has asked."""

    def __init__(self, asked: RunConfig, *, run_xfail: bool = False) -> None:
        """`run_xfail`: pytest's --runxfail: what nobody promised fails as well."""
        self._asked, self._run_xfail = asked, run_xfail

    def check(self, known: Collection[str]) -> None:
        """Raises UsageError for a profile, a baseline or a glob that names no guarantee there is."""
        self._asked.check_only(known)
        if self._asked.profile is not None:
            self._asked.profile.check_ids(known)
        if self._asked.expect is not None:
            self._asked.expect.check_ids(known)

    def judged(self, key: Key, verdict: Verdict, control: Control, promise: Guarantee, *boxes: BoxCandidate) -> Judged:
        """What follows from the verdict of a row, for the box (or the two of a pair) as the check had it.

        A claim may depend on the door.
        """
        claim = claims.of_all(self._said(key.door, promise, one) for one in boxes)
        made = judge(
            verdict,
            claim,
            box=key.box,
            guarantee=key.guarantee,
            door=key.door,
            sibling=key.sibling,
            profile=self._asked.profile,
            baseline=self._asked.expect,
        )
        if made.outcome is Outcome.XFAILED and self._run_xfail:
            made = replace(made, outcome=Outcome.FAILED, required_by="runxfail")
        if made.outcome is Outcome.PASSED and self._asked.require_proof and (verdict, control) == UNPROVEN:
            made = replace(made, outcome=Outcome.FAILED, note=f"unproven, and --isolation-require {PROOF}")
        return Judged(
            claim=claim.claim,
            claim_source=claim.source or None,
            required_by=made.required_by,
            outcome=made.outcome,
            note=made.note,
            known=made.known,
        )

    def _said(self, door: Door, promise: Guarantee, one: BoxCandidate) -> claims.Resolved:
        """What is claimed of the box.

        Of one that somebody else started, its technology knows the less the wider it was opened: a profile judges it.
        """
        said = claims.resolve(
            promise,
            replace(one.spec, door=Door.EXEC if door == Door.EXEC else Door.START, **promise.box),
            facts=one.facts,
        )
        return replace(said, known=said.known and not one.spec.attached)

    def notes(self, rows: Iterable[ResultRow]) -> list[str]:
        """Known violations that have vanished, and those whose acceptance is over."""
        if self._asked.expect is None:
            return []
        measured = [(row.key, row.verdict) for row in rows]
        return [*self._asked.expect.vanished(measured), *self._asked.expect.lapsed(measured)]
