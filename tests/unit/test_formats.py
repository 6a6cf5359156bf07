"""The reports for other machines: SARIF, annotations, code quality, badges.  All of them name the same rows."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from pytest_isolation import cli
from pytest_isolation.door import Door
from pytest_isolation.guarantees.severity import Severity
from pytest_isolation.guarantees.verdicts import Outcome, Verdict
from pytest_isolation.report import FORMATS, badge, cells, github, gitlab, renderer, sarif, summary, svg
from pytest_isolation.report.findings import findings
from pytest_isolation.report.run import Run
from pytest_isolation.suite.collect import built_in_guarantees
from pytest_isolation.suite.rows import guarantee_row

DATA = Path(__file__).parents[1] / "data"
RUN = Run.from_json(json.loads((DATA / "run.json").read_text()))
SCHEMA = json.loads((DATA / "sarif-schema-2.1.0.json").read_text())  # OASIS, sarif-spec: sarif-2.1/schema
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)
HELD = [row for row in RUN.results if row.verdict is Verdict.HOLDS]
CLEAN = replace(RUN, run=replace(RUN.run, exit=0), results=tuple(HELD), notes=())


def results(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sarif.document(run)["runs"][0]["results"]
    return found


@pytest.mark.parametrize(
    "run", [RUN, CLEAN, replace(RUN, results=(), guarantees=(), boxes=())], ids=["all", "clean", "none"]
)
def test_sarif_keeps_to_its_schema(run: Run) -> None:
    VALIDATOR.validate(json.loads(sarif.render(run)))


def test_the_schema_refuses_what_is_wrong() -> None:
    wrong = sarif.document(RUN)
    wrong["runs"][0]["results"][0]["kind"] = "broken"
    assert not VALIDATOR.is_valid(json.loads(json.dumps(wrong)))


def test_sarif_of_every_guarantee_there_is() -> None:
    rows = tuple(map(guarantee_row, built_in_guarantees()))
    document = sarif.document(replace(CLEAN, guarantees=rows, results=()))
    VALIDATOR.validate(json.loads(json.dumps(document)))
    rules = document["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [row.id for row in rows]
    assert all(rule["properties"]["security-severity"] for rule in rules)


def test_a_clean_box_has_no_result() -> None:
    (run,) = sarif.document(CLEAN)["runs"]
    assert run["results"] == []
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [row.id for row in RUN.guarantees]
    assert run["invocations"][0]["executionSuccessful"]


def test_sarif_and_the_terminal_name_the_same_rows() -> None:
    found = {(one["locations"][0]["logicalLocations"][0]["name"], one["ruleId"]): one for one in results(RUN)}
    violated = {at for at, one in found.items() if one["kind"] == "fail"}
    assert violated == {(row.box, row.guarantee) for row in RUN.results if row.verdict is Verdict.VIOLATED}
    errors = {at for at, one in found.items() if one["level"] == "error"}
    assert errors == {(row.box, row.guarantee) for row in summary.broken(RUN)}
    undecided = {at for at, one in found.items() if one["kind"] == "open"}
    assert undecided == {
        (row.box, row.guarantee) for row in RUN.results if cells.sign_of(row) in (cells.VACUOUS, cells.INCONCLUSIVE)
    }
    assert all(one["level"] == "none" for one in results(RUN) if one["kind"] == "open")
    assert not sarif.document(RUN)["runs"][0]["invocations"][0]["executionSuccessful"]


def test_a_violation_that_the_baseline_knows_is_suppressed() -> None:
    known = [one for one in results(RUN) if "suppressions" in one]
    assert [one["ruleId"] for one in known] == [row.guarantee for row in RUN.results if row.known]
    assert all(one["level"] == "note" for one in known)


def test_a_fingerprint_is_of_the_place_and_the_guarantee_alone() -> None:
    again = replace(
        RUN, results=tuple(replace(row, evidence=(), seconds=row.seconds + 1, note="another") for row in RUN.results)
    )
    prints = [one["partialFingerprints"][sarif.FINGERPRINT] for one in results(RUN)]
    assert prints == [one["partialFingerprints"][sarif.FINGERPRINT] for one in results(again)]
    assert len(set(prints)) == len(prints)
    other = replace(RUN, results=tuple(replace(row, box=f"x{row.box}") for row in RUN.results))
    assert not set(prints) & {one["partialFingerprints"][sarif.FINGERPRINT] for one in results(other)}


def test_both_doors_that_break_it_are_one_result() -> None:
    row = next(row for row in RUN.results if row.verdict is Verdict.VIOLATED)
    both = replace(RUN, results=(row, replace(row, door=Door.EXEC)))
    assert len(results(both)) == 1
    held = replace(row, verdict=Verdict.HOLDS, outcome=Outcome.PASSED)
    (one,) = results(replace(RUN, results=(held, replace(row, door=Door.EXEC))))
    assert one["locations"][0]["logicalLocations"][0]["name"] == f"{row.box}@exec"


def test_rules_are_sorted_by_how_far_they_reach() -> None:
    scores = [float(sarif.SCORES[one]) for one in Severity]
    assert scores == sorted(scores, reverse=True) and set(sarif.SCORES) == set(Severity) == set(gitlab.WEIGHTS)


# -- annotations -------------------------------------------------------------------------------


def test_github_lines_are_commands() -> None:
    empty, *lines = github.render(RUN).splitlines()
    assert empty == "", "pytest's dots may stand before it"
    assert all(re.fullmatch(r"::(error|warning|notice) title=[^:,]*::.+", line) for line in lines)
    assert lines[0].startswith("::notice title=What these boxes isolate::host: not for strangers' code")
    kinds = [line.split()[0] for line in lines[1:]]
    assert kinds == sorted(kinds, key=["::error", "::warning", "::notice"].index)
    assert len(lines) == 1 + len(findings(RUN))
    assert "%0Aproof: socket(AF_VSOCK" in github.render(RUN)


def test_what_a_box_said_cannot_end_a_command() -> None:
    row = next(row for row in RUN.results if row.evidence)
    evil = replace(row.evidence[0], calls=("x\n::error::mine % 1",), proof=(0,))
    text = github.render(replace(RUN, results=(replace(row, evidence=(evil,)),)))
    assert len(text.splitlines()) == 3 and "%0A::error::mine %25 1" in text


def test_gitlab_has_what_its_widget_reads() -> None:
    found = json.loads(gitlab.render(RUN))
    assert [(one["check_name"], one["fingerprint"]) for one in found] == [
        (one.guarantee.id, one.fingerprint) for one in findings(RUN)
    ]
    for one in found:
        assert set(one) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert one["location"]["path"] and one["location"]["lines"]["begin"] == 1
    assert json.loads(gitlab.render(CLEAN)) == []


# -- badges ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "message", "colour"),
    [
        (RUN, "17/33 hold, 1 required and broken, 2 undecided", "red"),
        (CLEAN, f"{len(HELD)}/{len(HELD)} hold", "brightgreen"),
        (
            replace(
                CLEAN,
                results=(*HELD, next(row for row in RUN.results if cells.sign_of(row) is cells.NOT_PROMISED)),
            ),
            f"{len(HELD)}/{len(HELD) + 1} hold",
            "yellow",
        ),
        (replace(CLEAN, run=replace(RUN.run, exit=2)), f"{len(HELD)}/{len(HELD)} hold, not complete", "red"),
        (replace(RUN, results=()), "not measured", "lightgrey"),
    ],
    ids=["red", "clean", "unpromised", "interrupted", "nothing"],
)  # fmt: skip
def test_a_badge_says_what_was_measured(run: Run, message: str, colour: str) -> None:
    found = json.loads(badge.render(run))
    assert set(found) == {"schemaVersion", "label", "message", "color"} and found["schemaVersion"] == 1
    assert (found["message"], found["color"]) == (message, colour)
    if run.results:
        assert found["label"] == "isolation: host, chroot, namespaces and 1 more"
    picture = ElementTree.fromstring(svg.render(run))
    said = "".join(picture.itertext())
    assert found["label"] in said and message in said and picture.get("role") == "img"


def test_a_badge_is_a_picture_whatever_a_box_is_called() -> None:
    odd = replace(CLEAN, boxes=(replace(RUN.boxes[0], name='a<"&b'),), results=(replace(HELD[0], box='a<"&b'),))
    assert 'a<"&b' in "".join(ElementTree.fromstring(svg.render(odd)).itertext())


# -- the command -------------------------------------------------------------------------------


def test_a_report_in_other_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "run.json"
    source.write_text((DATA / "run.json").read_text())
    wanted = [f"{kind}:{tmp_path / kind}" for kind in FORMATS]
    assert cli.main(["report", str(source), *wanted]) == 0
    assert {kind: (tmp_path / kind).read_text() for kind in FORMATS} == {kind: renderer(kind)(RUN) for kind in FORMATS}
    assert cli.main(["report", str(source), "md:-"]) == 0
    assert capsys.readouterr().out == renderer("md")(RUN)
    for wrong in ("mdd:x", "md", f"md:{tmp_path}/no/x"):
        assert cli.main(["report", str(source), wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
