"""What a verdict means for this run: the claim it is set beside, and the outcome pytest gives it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees import claims
from pytest_isolation.guarantees.outcome import judge
from pytest_isolation.guarantees.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_isolation.guarantees.guarantee import Guarantee
    from pytest_isolation.options.config import RunConfig
    from pytest_isolation.suite.boxes import Chosen


class Judge:
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

    def outcome(self, row: dict[str, Any], promise: Guarantee, *boxes: Chosen) -> dict[str, Any]:
        """The fields of a row that follow from its verdict, for the box (or the two of a pair) as the check had it.

        A claim may depend on the door.
        """
        claim = claims.of_all(
            claims.resolve(
                promise.id,
                replace(one.spec, door=row["door"], **promise.box),
                facts=one.facts,
                falsified_by=promise.falsified_by,
            )
            for one in boxes
        )
        made = judge(
            Verdict(row["verdict"]),
            claim,
            box=row["box"],
            guarantee=row["guarantee"],
            door=row["door"],
            sibling=row["sibling"],
            profile=self._asked.profile,
            baseline=self._asked.expect,
        )
        if made.outcome is Outcome.XFAILED and self._run_xfail:
            made = replace(made, outcome=Outcome.FAILED, required_by="runxfail")
        return {
            "claim": str(claim.claim),
            "claim_source": claim.source or None,
            "required_by": made.required_by,
            "outcome": str(made.outcome),
            "note": made.note,
            "known": made.known,
        }

    def notes(self, rows: Iterable[dict[str, Any]]) -> list[str]:
        """Known violations that have vanished."""
        if self._asked.expect is None:
            return []
        measured = (
            ((row["box"], row["guarantee"], row["door"], row["sibling"]), Verdict(row["verdict"])) for row in rows
        )
        return list(self._asked.expect.vanished(measured))

    def missing_boxes(self, chosen: Iterable[Chosen]) -> list[str]:
        """A sentence for each box that --isolation-require asked for and that is not there."""
        return [
            f"--isolation-require: {one.spec.name} is not available: {one.reason}"
            for one in chosen
            if not one.available and one.spec.name in self._asked.require
        ]
