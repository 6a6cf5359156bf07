"""What dev/measure-reports leaves out of a report, so that nobody has to do it by hand."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "dev" / "measure-reports"))


def written(script: dict[str, Any], *rows: tuple[str, str, str]) -> Any:
    """What is written of rows (box, verdict, claim) whose evidence names places of this machine."""
    evidence = {
        "calls": ["open"], "example": "{}", "proof": "x",
        "observed": {"changed": f"/root/mark/open {ROOT}/checks/a.py /home/some.body/x {Path.home()}/y /srv/root/z"},
    }  # fmt: skip
    results = [
        {"box": box, "verdict": verdict, "claim": claim, "proofs": {"a": "b"}, "evidence": [dict(evidence)]}
        for box, verdict, claim in rows
    ]
    boxes = [{"name": "firejail", "technology": "preset"}, {"name": "docker", "technology": "docker"}]
    return script["for_everybody"](json.dumps({"boxes": boxes, "results": results}))


def test_no_home_and_no_checkout_of_this_machine_is_named(script: dict[str, Any]) -> None:
    (row,) = written(script, ("docker", "violated", "disclaimed"))["results"]
    (one,) = row["evidence"]
    assert one["observed"]["changed"] == "/HOME/mark/open checks/a.py /HOME/x /HOME/y /srv/root/z"


@pytest.mark.parametrize(
    ("box", "verdict", "claim", "shown"),
    [
        ("docker", "violated", "promised", False),
        ("docker", "violated", "conditional", False),
        ("docker", "violated", "disclaimed", True),
        ("docker", "holds", "promised", True),
        ("firejail", "violated", "silent", False),
        ("firejail", "holds", "silent", True),
    ],
)
def test_the_program_that_breaks_outside_software_is_not_shown(
    script: dict[str, Any], box: str, verdict: str, claim: str, shown: bool
) -> None:
    (row,) = written(script, (box, verdict, claim))["results"]
    (one,) = row["evidence"]
    assert bool(one["calls"]) is bool(one["example"]) is bool(one["proof"]) is bool(row["proofs"]) is shown
    assert one["observed"], "what the witness saw stays"


def test_a_report_in_parts_has_the_boxes_and_rows_of_all(script: dict[str, Any]) -> None:
    """A guarantee once; what depends on a part alone, as its layers, in none."""
    parts = [
        {
            "run": number,
            "guarantees": [{"id": "a"}, {"id": number}],
            "boxes": [number],
            "results": [number],
            "notes": [],
        }
        for number in ("one", "two")
    ]
    found = script["joined"]([parts[0], parts[1] | {"depth": [1]}])
    assert found == {
        "run": "one", "guarantees": [{"id": "a"}, {"id": "one"}, {"id": "two"}],
        "boxes": ["one", "two"], "results": ["one", "two"], "notes": [],
    }  # fmt: skip
