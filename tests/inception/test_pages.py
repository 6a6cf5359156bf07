"""The committed reports of audits, and the pages made of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation.inception import contained
from pytest_isolation.inception.live.judge import ASKS
from pytest_isolation.inception.report import section
from pytest_isolation.inception.row import InceptionRow
from pytest_isolation.report import renderer
from pytest_isolation.report.run import Run
from tests.support import committed

ROOT = Path(__file__).parents[2]
REPORTS = sorted((ROOT / "reports").glob("inception-*.json"))


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.name)
def test_the_students_page_is_what_is_rendered_now(path: Path) -> None:
    read = Run.from_json(json.loads(path.read_text()))
    (part,) = read.sections
    run = replace(read, sections=(section(map(InceptionRow.from_json, part.rows)),))
    assert run.to_json() == read.to_json()
    assert renderer("md")(run) == path.with_suffix(".md").read_text()


def test_one_service_passed_in_a_machine_of_its_own() -> None:
    report = committed("inception-vm")
    assert "host" not in report["run"]["argv"]
    told = {row["rule"]: row["verdict"] for row in report["inception"] if row["rule"] in ASKS}
    without = dict.fromkeys(("L03", "L13", "L14"), "unclear")  # it has no WordPress
    assert told == dict.fromkeys(ASKS, "pass") | without


def test_the_reference_passed_and_each_row_of_isolation_has_its_evidence() -> None:
    rows = committed("inception-reference")["inception"]
    assert {row["verdict"] for row in rows if not row["rule"].startswith("I")} == {"pass", "not-applicable"}
    told = [row for row in rows if row["rule"] in contained.WHY]
    assert {row["rule"] for row in told} == set(contained.WHY)
    assert {row["verdict"] for row in told} == {"pass", "advice"}
    assert [row["rule"] for row in told if not row["evidence"]] == ["I09"]  # what is not there shows in no call
