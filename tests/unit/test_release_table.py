"""The page of what changed from release to release is made of the committed reports, and each change is explained."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "dev" / "release-table"))


@pytest.fixture(scope="module")
def causes() -> dict[str, dict[str, str]]:
    return tomllib.loads((ROOT / "reports" / "releases" / "causes.toml").read_text(encoding="utf-8"))


def test_the_page_is_of_the_reports(tool: dict[str, Any]) -> None:
    assert tool["main"](["--check"]) == 0, "run dev/release-table"


def test_every_row_is_explained_and_no_other(tool: dict[str, Any], causes: dict[str, dict[str, str]]) -> None:
    rows = tool["changed"](tool["reports"]())
    assert {row.key for row in rows} == set(causes)
    assert all(set(one) == {"source", "confirmed"} and all(one.values()) for one in causes.values())


def test_what_changed_is_found(tool: dict[str, Any], causes: dict[str, dict[str, str]]) -> None:
    def report(verdict: str) -> dict[str, Any]:
        return {"boxes": [], "results": [{"box": "docker", "guarantee": "pid.x", "verdict": verdict}]}

    def found(*verdicts: str) -> list[str]:
        return [row.kind for row in tool["changed"](dict(zip(tool["SUITES"], map(report, verdicts), strict=True)))]

    assert found("holds", "holds", "holds") == found("unsupported", "unsupported", "unsupported") == []
    assert found("holds", "violated", "violated") == ["weaker"]
    assert found("violated", "violated", "holds") == ["stronger"]
    assert found("unsupported", "holds", "holds") == ["asked"]
    unknown = dict(zip(tool["SUITES"], map(report, ("holds", "holds", "violated")), strict=True))
    with pytest.raises(SystemExit, match=r"no entry in .*causes\.toml for docker pid\.x"):
        tool["page"](unknown, causes)


def test_a_box_that_is_measured_later_comes_beside_the_others(tool: dict[str, Any]) -> None:
    def report(box: str, verdict: str, *guarantees: str) -> dict[str, Any]:
        rows = [{"box": box, "guarantee": id, "verdict": verdict} for id in guarantees]
        return {"run": box, "boxes": [{"name": box}], "guarantees": [{"id": id} for id in guarantees], "results": rows}

    both = tool["added"](report("docker", "holds", "a"), report("cri", "holds", "a", "b"))
    assert both["run"] == "docker"
    assert [one["id"] for one in both["guarantees"]] == ["a", "b"]
    assert [(one["box"], one["guarantee"]) for one in both["results"]] == [("docker", "a"), ("cri", "a"), ("cri", "b")]
    again = tool["added"](both, report("cri", "violated", "a"))
    assert [box["name"] for box in again["boxes"]] == ["docker", "cri"]
    assert [one["verdict"] for one in again["results"]] == ["holds", "violated"]
