"""The run as a badge, which says what was measured: JSON for a service of badges, or an SVG of its own (svg.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report.answer import counts
from pytest_isolation.report.cells import matrix
from pytest_isolation.report.findings import findings

if TYPE_CHECKING:
    from pytest_isolation.report.run import Run

FEW = 3
"""Names of boxes on a badge."""


@dataclass(frozen=True, slots=True)
class Badge:
    """Two texts and a colour, as https://shields.io draws them."""

    label: str
    """ "isolation: docker, podman"."""
    message: str
    """ "145/160 hold, 2 promises broken"."""
    colour: str
    """As https://shields.io names them."""


def badge(run: Run) -> Badge:
    """Green when everything that could be asked holds, red when the run failed, yellow between."""
    shown = matrix(run)
    boxes = list(shown.columns)
    more = f" and {len(boxes) - FEW} more" if len(boxes) > FEW else ""
    label = f"isolation: {', '.join(boxes[:FEW])}{more}" if boxes else "isolation"
    totals = [[int(number) for number in cell.split("/")] for cell in counts(shown).total]
    held, asked = (sum(column) for column in zip(*totals, strict=True)) if totals else (0, 0)
    if not asked:
        return Badge(label, "not measured", "lightgrey")
    failed = {
        verdict: sum(one.level == "error" and (one.row.verdict is Verdict.VIOLATED) is verdict for one in findings(run))
        for verdict in (True, False)
    }
    said = [f"{held}/{asked} hold"]
    said += [f"{failed[True]} required and broken"] if failed[True] else []
    said += [f"{failed[False]} undecided"] if failed[False] else []
    bad = run.run.exit != 0 or any(failed.values())
    if bad and not any(failed.values()):
        said.append("not complete")
    return Badge(label, ", ".join(said), "red" if bad else "brightgreen" if held == asked else "yellow")


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """https://shields.io/badges/endpoint-badge.  `width` and `color` mean nothing here."""
    one = badge(run)
    found = {"schemaVersion": 1, "label": one.label, "message": one.message, "color": one.colour}
    return json.dumps(found, ensure_ascii=False) + "\n"
