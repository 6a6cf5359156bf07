"""The reports that are committed are of the present format, and read as they are rendered now."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_isolation.inception import contained
from pytest_isolation.inception.live.judge import ASKS
from pytest_isolation.report import renderer
from pytest_isolation.report.run import Run

REPORTS = Path(__file__).parents[2] / "reports"
SCHEMA: dict[str, Any] = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
INCEPTION = REPORTS / "inception-reference.json"


@pytest.mark.parametrize("path", sorted(REPORTS.glob("*.json")), ids=lambda path: path.name)
def test_a_committed_report_is_one(path: Path) -> None:
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    assert f"[{path.name}]({path.name})" in (REPORTS / "README.md").read_text()
    for file in (path, path.with_suffix(".md")):
        assert not re.search(r"/(root|work)/[\w.-]+/", file.read_text()), f"{file} has a path of a machine"


@pytest.mark.parametrize("path", sorted(REPORTS.glob("inception-*.json")), ids=lambda path: path.name)
def test_the_students_page_is_what_is_rendered_now(path: Path) -> None:
    run = Run.from_json(json.loads(path.read_text()))
    assert renderer("md")(run) == path.with_suffix(".md").read_text()


def test_one_service_passed_in_a_machine_of_its_own() -> None:
    report = json.loads((REPORTS / "inception-vm.json").read_text())
    assert "host" not in report["run"]["argv"]
    told = {row["rule"]: row["verdict"] for row in report["inception"] if row["rule"] in ASKS}
    without = dict.fromkeys(("L03", "L13", "L14"), "unclear")  # it has no WordPress
    assert told == dict.fromkeys(ASKS, "pass") | without


def test_the_reference_passed_and_each_row_of_isolation_has_its_evidence() -> None:
    rows = json.loads(INCEPTION.read_text())["inception"]
    assert {row["verdict"] for row in rows if not row["rule"].startswith("I")} == {"pass", "not-applicable"}
    told = [row for row in rows if row["rule"] in contained.WHY]
    assert {row["rule"] for row in told} == set(contained.WHY)
    assert {row["verdict"] for row in told} == {"pass", "advice"}
    assert [row["rule"] for row in told if not row["evidence"]] == ["I09"]  # what is not there shows in no call
