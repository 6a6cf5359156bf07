"""The committed reports keep to the schema, and the pages quote them."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from pytest_isolation.report import nested, read
from tests.support import committed

SCHEMA = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
ROOT = Path(__file__).parents[2]
REPORTS = sorted((ROOT / "reports").glob("*.json"))
WORDS = {"hold": "holds", "violated, not promised": "violated", "cannot be asked": "unsupported"}


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_it_keeps_to_the_schema_and_is_listed(path: Path) -> None:
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    assert path.with_suffix(".md").exists()
    assert f"[{path.name}]({path.name})" in (ROOT / "reports" / "README.md").read_text()
    for file in (path, path.with_suffix(".md")):
        assert not re.search(r"(?<!\w)/(root|work)/[\w.-]+/", file.read_text()), f"{file} has a path of a machine"


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_it_leaves_nothing_open(path: Path) -> None:
    report = json.loads(path.read_text())
    assert {row["verdict"] for row in report["results"]} <= {"holds", "violated", "unsupported"}
    assert [row for row in report["results"] if row["verdict"] == "unsupported" and not row["reason"]] == []


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_broken_promise_of_outside_software_is_shown_without_its_program(path: Path) -> None:
    rows = json.loads(path.read_text())["results"]
    broken = [row for row in rows if row["verdict"] == "violated" and row["claim"] in ("promised", "conditional")]
    told = [one for row in broken for one in row["evidence"] if one["calls"] or one["proof"] or one["example"]]
    assert told == []


def test_every_box_has_a_full_column_through_the_first_door() -> None:
    report = committed("sixteen-boxes")
    boxes = {box["name"] for box in report["boxes"] if box["available"]}
    assert len(boxes) == 16
    alone = [
        (row["box"], row["guarantee"]) for row in report["results"] if row["door"] == "start" and not row["sibling"]
    ]
    assert len(alone) == len(set(alone)) == 16 * len({row["guarantee"] for row in report["results"]})


def test_what_root_measures_and_a_user_does_not_has_a_remedy() -> None:
    root = {
        (row["box"], row["guarantee"]) for row in committed("five-boxes")["results"] if row["verdict"] != "unsupported"
    }
    lacking = [
        (row["box"], row["guarantee"], row["reason"])
        for row in committed("not-root")["results"]
        if (row["box"], row["guarantee"]) in root and row["verdict"] == "unsupported" and not row["remedy"]
    ]
    assert lacking == []


def test_the_page_about_not_being_root_quotes_its_report() -> None:
    rows = [line.strip("|").split("|") for line in (ROOT / "docs" / "not-root.md").read_text().splitlines()]
    cells = [[cell.strip() for cell in row] for row in rows]
    boxes = next(row[1:] for row in cells if row[1:3] == ["host", "namespaces"])
    said = {row[0]: dict(zip(boxes, map(int, row[1:]), strict=True)) for row in cells if row[0] in WORDS}
    found = Counter((row["verdict"], row["box"]) for row in committed("not-root")["results"])
    assert said == {word: {box: found[verdict, box] for box in boxes} for word, verdict in WORDS.items()}


@pytest.mark.parametrize(
    ("report", "box"),
    [("five-boxes", name) for name in ("host", "chroot", "namespaces", "docker")]
    + [("not-root", name) for name in ("bubblewrap", "lxc", "runc", "podman", "gvisor", "qemu")]
    + [("sixteen-boxes", name) for name in ("bubblewrap", "cgroup", "command", "gvisor", "lxc")]
    + [("sixteen-boxes", name) for name in ("nspawn", "podman", "qemu", "runc")],
)
def test_the_page_of_a_technology_quotes_its_report(report: str, box: str) -> None:
    page = " ".join((ROOT / "docs" / "technologies" / f"{box}.md").read_text().split())
    text = page.partition(f"/{report}.md)")[2]
    found = Counter(row["verdict"] for row in committed(report)["results"] if row["box"] == box)
    quoted = re.search(r"\b(\d+) hold", text), re.search(r"\b(\d+) (?:is|are) violated", text)
    assert [int(one[1]) for one in quoted if one] == [found["holds"], found["violated"]], text[:200]


def test_the_page_of_sandboxes_quotes_its_report() -> None:
    page = (ROOT / "docs" / "sandboxes.md").read_text()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    boxes = next(row[1:] for row in cells if row[0] == "domain")
    said = {
        re.sub(r"`(\w+)` \((\d+)\)", r"\1 \2", row[0]): row[1:]
        for row in cells
        if re.fullmatch(r"`\w+` \(\d+\)", row[0])
    }
    rows = committed("agent-sandboxes")["results"]
    ids = {row["guarantee"] for row in rows}
    domains = Counter(one.partition(".")[0] for one in ids)
    held = Counter((row["guarantee"].partition(".")[0], row["box"], row["verdict"]) for row in rows)
    assert said == {
        f"{domain} {number}": [
            f"{held[domain, box, 'holds']} of {held[domain, box, 'holds'] + held[domain, box, 'violated']}"
            for box in boxes
        ]
        for domain, number in domains.items()
    }
    assert len(rows) == len(ids) * len(boxes)


def test_the_page_of_boxes_in_boxes_quotes_its_reports() -> None:
    """How many the two keep, the pair keeps, were lost, and cannot be asked: of each pair."""
    page = (ROOT / "docs" / "technologies" / "nested.md").read_text()
    line = r"^\| `([\w-]+)`(?:, rootless)? " + r"\| (\d+) " * 4 + r"\|$"
    said = {name: tuple(map(int, row)) for name, *row in re.findall(line, page, re.MULTILINE)}
    reports = [read.report(ROOT / "reports" / f"{name}.json") for name in ("boxes-in-boxes", "more-boxes-in-boxes")]
    found = [one for report in reports for one in nested.told(report)]
    lost = {one.box: sum(len(some.guarantees) for some in one.lost) for one in found}
    assert said == {one.box: (one.expected, one.kept, lost[one.box], len(one.unasked)) for one in found}
    assert len(said) == 6
