"""The run as SARIF 2.1.0, for code scanning: a rule for each guarantee, a result for each violation.

A box that breaks nothing has no result.  What was not decided is a result of kind `open`, which no tool counts as a
problem, and the invocation says that the run was not successful.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees.severity import MEANINGS, Severity
from pytest_isolation.report.findings import Finding, findings

if TYPE_CHECKING:
    from pytest_isolation.report.compare import Comparison
    from pytest_isolation.report.run import GuaranteeRow, Run

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
SCORES = {
    Severity.HOST: "9.0",
    Severity.NEIGHBOUR: "7.5",
    Severity.SURFACE: "5.5",
    Severity.LEARNS: "4.0",
    Severity.USE: "4.0",
    Severity.PORTABILITY: "0.1",
}
"""`security-severity`, by which GitHub sorts: over 9.0 critical, 7.0 high, 4.0 medium, else low."""
FINGERPRINT = "placeAndGuarantee/v1"


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """`width` and `color` mean nothing here; every renderer takes them."""
    return json.dumps(document(run), indent=1, ensure_ascii=False) + "\n"


def compared(found: Comparison) -> str:
    """The later run, each result with its `baselineState` beside the earlier one; what is no more is `absent`."""
    assert found.later is not None and found.earlier is not None  # they are of every comparison that compare() makes
    return json.dumps(document(found.later, found), indent=1, ensure_ascii=False) + "\n"


def document(run: Run, against: Comparison | None = None) -> dict[str, Any]:
    """The SARIF log as JSON values; `against` an earlier run, each result says whether it is new."""
    earlier = findings(against.earlier_by_name) if against is not None and against.earlier is not None else ()
    before = {one.fingerprint: one for one in earlier}
    now = {one.fingerprint for one in findings(run)}
    absent = [one for one in earlier if one.fingerprint not in now]
    known = {row.id for row in run.guarantees}
    gone = {one.guarantee.id: one.guarantee for one in absent if one.guarantee.id not in known}
    run = replace(run, guarantees=(*run.guarantees, *gone.values()))
    baseline = any(word.startswith("--isolation-expect") for word in run.run.argv)

    def state(one: Finding) -> str | None:
        if against is not None:
            then = before.get(one.fingerprint)
            return "new" if then is None else "unchanged" if then.row.verdict is one.row.verdict else "updated"
        return ("unchanged" if one.row.known else "new") if baseline and one.decided else None

    numbers = {row.id: number for number, row in enumerate(run.guarantees)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "pytest-isolation",
                        "version": run.tool.version,
                        "rules": [_rule(row) for row in run.guarantees],
                    }
                },
                "automationDetails": {"id": f"pytest-isolation/{'+'.join(box.name for box in run.boxes)}/"},
                "invocations": [
                    {
                        "executionSuccessful": run.run.exit in (0, 1) and not any(not f.decided for f in findings(run)),
                        "exitCode": run.run.exit,
                        "startTimeUtc": run.run.started.replace("+00:00", "Z"),
                        "toolExecutionNotifications": [
                            {"level": "warning", "message": {"text": note}} for note in _notes(run)
                        ],
                    }
                ],
                "results": [
                    *(_result(one, numbers[one.guarantee.id], state(one)) for one in findings(run)),
                    *(_result(one, numbers[one.guarantee.id], "absent") for one in absent),
                ],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }


def _notes(run: Run) -> list[str]:
    absent = [f"{box.name} was not measured: {box.reason}" for box in run.boxes if not box.available]
    return [*absent, *run.notes]


def _rule(row: GuaranteeRow) -> dict[str, Any]:
    severity = row.severity
    tags = ["security", *([severity] if severity is not None else []), row.domain]
    link = next((one for one in row.sources if one.startswith("https://")), None)
    does = f"a box that breaks it {row.consequence}" if row.consequence else row.claim
    meaning = f"\n\nSeverity {severity}: {MEANINGS[severity]}." if severity is not None else ""
    return {
        "id": row.id,
        "shortDescription": {"text": f"{does[0].upper()}{does[1:]}"},
        "fullDescription": {"text": row.claim},
        "help": {"text": f"{row.claim}.{meaning}\n\nSources: {'; '.join(row.sources)}"},
        **({"helpUri": link.split()[0]} if link else {}),
        "properties": {
            "tags": [tag for tag in tags if not (tag == "security" and severity is Severity.PORTABILITY)],
            **({"security-severity": SCORES[severity]} if severity is not None else {}),
        },
    }


def _result(one: Finding, rule: int, state: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": one.guarantee.id,
        "ruleIndex": rule,
        "kind": "fail" if one.decided else "open",
        "level": one.level if one.decided else "none",
        "message": {"text": one.text},
        "locations": [
            {
                # Code scanning wants a file; what is wrong is in none: the box stands for one.
                "physicalLocation": {"artifactLocation": {"uri": f"box/{one.row.box}"}, "region": {"startLine": 1}},
                "logicalLocations": [{"name": one.place, "kind": "box"}],
            }
        ],
        "partialFingerprints": {FINGERPRINT: one.fingerprint},
        "properties": {"verdict": one.row.verdict, "claim": one.row.claim, "control": one.row.control},
    }
    if state is not None:
        found["baselineState"] = state
    if one.row.known:
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": one.row.note or "known"}]
    return found
