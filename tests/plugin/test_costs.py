"""--isolation-costs in a whole run: every figure or why not, and rows that are as without it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

from pytest_isolation.report.costs import KEYS
from tests.runs import run

WHAT = ("--isolation", "--box", "host", "--box", "namespaces", "--isolation-only", "pid.init-is-one,mnt.mount-denied")
INSIDE = {"call_us", "open_read_us", "page_fault_us", "loopback_us", "fork_exec_us", "compute_ns"}


def verdicts(report: dict[str, Any]) -> dict[tuple[str, str], tuple[str, str, str]]:
    return {
        (row["box"], row["guarantee"]): (row["verdict"], row["outcome"], row["control"]) for row in report["results"]
    }


def test_every_figure_or_why_not_and_the_rows_as_without(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", *WHAT, "--hypothesis-seed=7")
    done = run(tmp_path / "costs", *WHAT, "--hypothesis-seed=7", "--isolation-costs", "--isolation-costs-boxes=5")
    assert (done.code, verdicts(done.report)) == (plain.code, verdicts(plain.report))
    schema = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(done.report)
    for box in done.report["boxes"]:
        assert set(KEYS) <= set(box["costs"]) | set(box["lacking"]), box["name"]
        assert set(box["costs"]).isdisjoint(box["lacking"])
        assert set(box["costs"]) >= INSIDE | {"start_ms", "end_ms", "boxes_per_s", "processes", "memory_mib"}
        assert all("bare" in box["costs"][key] for key in INSIDE), box["costs"]
        assert [one["boxes"] for one in box["growth"]] == [1, 5]
    bare, walled = done.report["boxes"]
    assert bare["costs"]["processes"]["median"] == 1 and "disk_image_mib" in bare["lacking"]
    assert walled["costs"]["processes"]["median"] == 2, "its first process, and the one that launched it"
    assert walled["growth"][1]["memory_mib"] > walled["growth"][0]["memory_mib"] > 0
    assert walled["costs"]["disk_box_mib"]["median"] > 0
    assert not any("lacking" in box or "growth" in box for box in plain.report["boxes"])
    done.said("what a box costs", "start to first call, ms")
