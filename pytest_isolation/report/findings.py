"""What a run has to say to a machine that lists problems: a finding for each broken or undecided row.

SARIF, the annotations and the badge are made of these; so they name the same rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Outcome, Verdict
from pytest_isolation.report.doors import doors_of, named
from pytest_isolation.report.proof import in_short
from pytest_isolation.report.why import lines as reasons

if TYPE_CHECKING:
    from pytest_isolation.report.run import GuaranteeRow, ResultRow, Run


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that is violated or says nothing of its box, and what is known of the reason."""

    place: str
    """ "docker", "docker@exec", "docker beside podman"."""
    guarantee: GuaranteeRow
    row: ResultRow
    because: tuple[tuple[str, str], ...]
    """("proof", ...), ("cause", ...), ("do", ...), as far as they are known."""

    @property
    def decided(self) -> bool:
        """It is violated; else the row says nothing of the box: vacuous or inconclusive."""
        return self.row.verdict is Verdict.VIOLATED

    @property
    def level(self) -> str:
        """error: it fails the run; warning: nothing promises it; note: the baseline knows it."""
        if self.row.outcome is Outcome.FAILED:
            return "error"
        return "note" if self.row.known else "warning"

    @property
    def title(self) -> str:
        """ "docker signals processes of the host (pid.signal-out-refused)"."""
        if not self.decided:
            return f"{self.place}: {self.guarantee.id} is {self.row.verdict}"
        does = self.guarantee.consequence or f"breaks: {self.guarantee.claim}"
        return f"{self.place} {does} ({self.guarantee.id})"

    @property
    def text(self) -> str:
        """The title, the promise, and a line for each thing that is known of why."""
        lines = [self.title, f"claim: {self.guarantee.claim}"]
        lines += [self.row.note] if self.row.note else []
        return "\n".join((*lines, *(f"{label}: {said}" for label, said in self.because)))

    @property
    def fingerprint(self) -> str:
        """Of the place and the guarantee alone: the same in every run, whatever the evidence is."""
        return hashlib.sha256(f"{self.place}\0{self.guarantee.id}".encode("utf-8", "backslashreplace")).hexdigest()


def findings(run: Run) -> tuple[Finding, ...]:
    """In the report's order; of a guarantee that says the same of both doors, one."""
    known = {row.id: row for row in run.guarantees}
    broken = [row for row in run.results if row.verdict in (Verdict.VIOLATED, Verdict.VACUOUS, Verdict.INCONCLUSIVE)]
    return tuple(
        Finding(place, known[row.guarantee], row, _because(run, row)) for place, row in named(broken, doors_of(run))
    )


def _because(run: Run, row: ResultRow) -> tuple[tuple[str, str], ...]:
    if row.verdict is not Verdict.VIOLATED:
        why = [("why", row.reason)] if row.reason else []
        return (*why, *([("do", row.remedy)] if row.remedy else []))
    proof = in_short(row)
    return (*([("proof", proof)] if proof else []), *reasons(run, row))
