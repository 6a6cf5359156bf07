"""A row of an audit."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_isolation.report.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class InceptionRow(Row):
    """One finding of one rule about one submission: an object of `inception[]` in the JSON report."""

    path: str
    """The submission, as it was named."""
    rule: str
    """A letter and two digits; docs/inception.md has the chapters."""
    verdict: str
    """pass, fail, advice, unclear or not-applicable."""
    severity: str
    """end, rule or advice."""
    where: str
    """FILE:LINE in the submission; empty where the finding has no place."""
    found: str
    why: str
    fix: str
    evidence: tuple[str, ...] = ()
    """What was measured, a line each; of rows about the containers of a running stack."""
