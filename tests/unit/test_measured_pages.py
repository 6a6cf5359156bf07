"""Pages that are written from committed reports are what their command writes, and say what the reports say."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import script

ROOT = Path(__file__).parents[2]


def test_the_page_of_layers_is_of_the_committed_reports() -> None:
    wrote = script("document-depth")
    assert wrote.page() == wrote.PAGE.read_text(encoding="utf-8"), "run dev/document-depth"


def test_what_was_confirmed_by_hand_is_a_single_point_of_failure() -> None:
    """Ten and more; each in the report of its box."""
    wrote = script("document-depth")
    text = wrote.PAGE.read_text(encoding="utf-8").partition(wrote.BEGIN)[2].partition(wrote.END)[0]
    rows = re.findall(r"^\| (\w+) \| `([\w.-]+)` \| `([\w-]+)` \|.*\| holds \| falls \|$", text, re.MULTILINE)
    assert len(rows) >= 10 and {box for box, _, _ in rows} == {name for name, _ in wrote.runs()}
    for box, guarantee, hole in rows:
        (depth,) = json.loads((ROOT / "reports" / f"depth-{box}.json").read_text(encoding="utf-8"))["depth"]
        assert [hole] in next(one["breakers"] for one in depth["guarantees"] if one["guarantee"] == guarantee)


def test_the_tables_of_flows_are_of_the_committed_report() -> None:
    wrote = script("document-flow")
    before = wrote.PAGE.read_text(encoding="utf-8")
    assert wrote.page() == before, "run dev/document-flow"


@pytest.fixture(scope="module")
def comparison() -> ModuleType:
    """Once: it reads all reports."""
    return script("document-comparison")


def test_the_page_that_compares_is_of_the_committed_reports(comparison: ModuleType) -> None:
    assert comparison.page() == comparison.PAGE.read_text(encoding="utf-8"), "run dev/document-comparison"


def cells(page: str, first: str) -> list[list[str]]:
    """The table whose head begins so."""
    found: list[list[str]] = []
    for line in page.partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines():
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_page_that_compares_counts_what_the_reports_say() -> None:
    """Counted here once more: a sandbox by domain, and an engine as a whole."""
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    head, _, *rows = cells(page, "box")
    shown = {row[0]: dict(zip(head, row[1:], strict=True)) for row in rows}
    for report, box in (("agent-sandboxes", "firejail"), ("more-sandboxes", "schroot")):
        results = json.loads((ROOT / "reports" / f"{report}.json").read_text(encoding="utf-8"))["results"]
        told = Counter((row["guarantee"].partition(".")[0], row["verdict"]) for row in results if row["box"] == box)
        for domain in {row["guarantee"].partition(".")[0] for row in results}:
            held, broken = told[domain, "holds"], told[domain, "violated"]
            column = next(name for name in head if name.startswith(f"{domain} ("))
            assert shown[f"preset:{box}"][column] == (f"{held}/{held + broken}" if held + broken else "-")
    head, _, *rows = cells(page, "domain")
    whole = dict(zip(head, next(row for row in rows if row[0] == "**all**")[1:], strict=True))
    for report, box in (("sixteen-boxes", "namespaces"), ("sixteen-boxes", "docker"), ("releases/bookworm", "crun")):
        results = json.loads((ROOT / "reports" / f"{report}.json").read_text(encoding="utf-8"))["results"]
        verdicts = Counter(row["verdict"] for row in results if row["box"] == box and row["door"] == "start")
        assert whole[box] == f"**{verdicts['holds']}/{verdicts['holds'] + verdicts['violated']}**"


def test_what_is_compared_has_a_purpose_and_no_recipe(comparison: ModuleType) -> None:
    told = tomllib.loads(comparison.PURPOSES.read_text(encoding="utf-8"))
    assert all(set(one) == {"purpose", "not", "source"} and all(one.values()) for one in told.values())
    technologies = {one.box.technology for one in comparison.everything()} - {*comparison.SANDBOXES, comparison.NESTED}
    assert technologies <= set(told)
    page = comparison.PAGE.read_text(encoding="utf-8")
    calls = {
        call
        for one in comparison.everything()
        for row in one.rows.values()
        for evidence in row.evidence
        for call in (*evidence.proving, *evidence.example.values())
        if "(" in call
    }
    assert calls
    assert [call for call in calls if call in page] == []
