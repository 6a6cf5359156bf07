"""The run as GitLab's code quality report: a list of what a merge request's widget shows as new or mended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.severity import Severity
from pytest_isolation.report.findings import Finding, findings

if TYPE_CHECKING:
    from pytest_isolation.report.run import Run

WEIGHTS = {
    Severity.HOST: "blocker",
    Severity.NEIGHBOUR: "critical",
    Severity.SURFACE: "major",
    Severity.LEARNS: "minor",
    Severity.USE: "minor",
    Severity.PORTABILITY: "info",
}


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """`width` and `color` mean nothing here; every renderer takes them."""
    found = [
        {
            "description": one.text.replace("\n", "; "),
            "check_name": one.guarantee.id,
            "fingerprint": one.fingerprint,
            "severity": _severity(one),
            "location": {"path": f"box/{one.row.box}", "lines": {"begin": 1}},
        }
        for one in findings(run)
    ]
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def _severity(one: Finding) -> str:
    """What the baseline knows is told of, and weighs nothing."""
    severity = one.guarantee.severity
    return "info" if one.row.known else WEIGHTS[severity] if severity is not None else "major"
