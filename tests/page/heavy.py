"""A heavy run: sixteen boxes x every guarantee of today, with rows that were measured and break much.

The rows are those of reports/.  What a report does not have is borrowed there: rows of guarantees that are younger than
it, from guarantees of the same domain on the same box; evidence, which some reports have not, from others'.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report import read
from pytest_isolation.report.run import Run
from pytest_isolation.suite.collect import built_in_guarantees
from pytest_isolation.suite.rows import guarantee_row

if TYPE_CHECKING:
    from pytest_isolation.report.run import BoxRow, Evidence, ResultRow

REPORTS = Path(__file__).parents[2] / "reports"
SHOWN = {
    "boxes-in-boxes": (
        *("bubblewrap", "nspawn", "lxc", "docker"),
        *("bubblewrap-in-nspawn", "bubblewrap-in-docker", "bubblewrap-in-lxc"),
    ),
    "more-boxes-in-boxes": ("runc-in-docker", "gvisor-in-lxc", "gvisor", "podman-in-docker", "podman"),
    "depth-runc": ("runc",),
    "depth-podman": ("podman",),
    "depth-lxc": ("lxc",),
    "depth-nspawn": ("nspawn",),
}
"""Report -> boxes of it; sixteen together."""


@cache
def heavy() -> Run:
    """Sixteen boxes and all guarantees; every violation has evidence."""
    runs = {name: read.report(REPORTS / f"{name}.json") for name in SHOWN}
    guarantees = tuple(guarantee_row(one) for one in sorted(built_in_guarantees(), key=lambda one: one.id))
    evidence = _evidence(runs["boxes-in-boxes"])
    boxes: list[BoxRow] = []
    results: list[ResultRow] = []
    for report, names in SHOWN.items():
        for box in (one for one in runs[report].boxes if one.name in names):
            name = box.name if box.name not in {one.name for one in boxes} else f"{box.name}-5"  # of five examples
            boxes.append(replace(box, name=name))
            alone = [row for row in runs[report].results if row.box == box.name and row.sibling is None]
            measured = {row.guarantee: row for row in alone}
            for number, one in enumerate(guarantees):
                near = [row for row in alone if row.guarantee.partition(".")[0] == one.domain] or alone
                row = measured.get(one.id) or near[number % len(near)]
                told = row.evidence
                if row.verdict is Verdict.VIOLATED and not told:
                    known = evidence.get(one.id) or evidence[row.guarantee if row.guarantee in evidence else ""]
                    told = (known[len(boxes) % len(known)],)
                results.append(replace(row, box=name, guarantee=one.id, evidence=told))
    run = runs["boxes-in-boxes"]
    return replace(run, boxes=tuple(boxes), guarantees=guarantees, results=tuple(results))


def _evidence(run: Run) -> dict[str, list[Evidence]]:
    """Guarantee -> what broke it, of every box; of all guarantees below the empty id."""
    found: dict[str, list[Evidence]] = {"": []}
    for row in run.results:
        for one in row.evidence:
            if row.verdict is Verdict.VIOLATED and one.calls:
                found.setdefault(row.guarantee, []).append(one)
                found[""].append(one)
    return found
