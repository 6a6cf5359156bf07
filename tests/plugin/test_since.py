"""--isolation-since: what has changed since a report is measured, the rest is carried over and marked."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.runs import run

ASKED = ("--isolation", "--box", "host", "--box", "namespaces", "--box", "chroot:env=A=1")
ONLY = ("--isolation-only", "pid.init-is-one,pid.signal-out-refused,uts.*", "--isolation-jobs", "1")
WHICH = {"carried", "seconds"}
FILES = {
    "pid.init-is-one": "test_init_is_one",
    "pid.signal-out-refused": "test_signal_outside",
    "uts.host-name-hidden": "test_learn_host_name",
}
"""Guarantee -> the file of its check."""


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in WHICH}


def test_what_has_not_changed_is_carried_over_and_what_has_is_measured(tmp_path: Path) -> None:
    first = run(tmp_path / "first", *ASKED, *ONLY)
    assert not any("carried" in row for row in first.report["results"])
    assert all(len(row["check"]) == 16 for row in first.report["guarantees"])
    before = tmp_path / "before.json"
    before.write_text(json.dumps(first.report))
    page = [f"--isolation-report={kind}:{tmp_path}/page.{kind}" for kind in ("md", "html")]

    again = run(tmp_path / "again", *ASKED, *ONLY, "--isolation-since", str(before), *page, "-v")
    carried = {at for at, row in again.rows.items() if "carried" in row}
    stood = ("holds", "violated")
    assert carried == {at for at, row in first.rows.items() if at[0] != "chroot" and row["verdict"] in stood}
    schema = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(again.report)
    assert {again.rows[at]["carried"] for at in carried} == {first.report["run"]["started"]}
    assert [_plain(again.rows[at]) for at in carried] == [_plain(first.rows[at]) for at in carried]
    boxes = {box["name"]: box for box in again.report["boxes"]}
    assert "start_ms" not in boxes["namespaces"]["costs"], "a box was started for nothing"
    assert [box["spec"] for box in again.report["boxes"]] == [box["spec"] for box in first.report["boxes"]]
    again.said(f"{len(carried)} carried over", "carried over: measured by an earlier run", "pid.init-is-one")
    for kind in ("md", "html"):
        assert "Carried over: measured by an earlier run" in (tmp_path / f"page.{kind}").read_text()

    # A report of a third run tells who measured the row, not who carried it.
    third = again.report
    third["run"]["started"] = "2030-01-01T00:00:00+00:00"
    rows = {(row["box"], row["guarantee"]): row for row in third["results"]}
    known = {row["id"]: row for row in third["guarantees"]}
    known["pid.init-is-one"]["check"] = "0" * 16
    rows["namespaces", "pid.signal-out-refused"]["outcome"] = "failed"
    rows["namespaces", "uts.host-name-hidden"] |= {"verdict": "inconclusive", "reason": "made so"}
    next(box for box in third["boxes"] if box["name"] == "host")["version"] = "1.0"
    before.write_text(json.dumps(third))
    done = run(tmp_path / "third", *ASKED, *ONLY, "--isolation-since", str(before))
    left = {at for at in carried if at[0] == "namespaces"} - {
        ("namespaces", "pid.init-is-one"),
        ("namespaces", "pid.signal-out-refused"),
        ("namespaces", "uts.host-name-hidden"),
    }
    now = {at: row["carried"] for at, row in done.rows.items() if "carried" in row}
    assert set(now) == left != set()
    assert set(now.values()) == {first.report["run"]["started"]}
    assert not any(row["verdict"] == "inconclusive" for row in done.report["results"])


def test_a_row_that_would_be_red_now_is_measured(tmp_path: Path) -> None:
    asked = ("--isolation", "--box", "host", "--isolation-only", "pid.init-is-one")
    first = run(tmp_path / "first", *asked)
    assert first.rows["host", "pid.init-is-one"]["outcome"] == "xfailed"
    (before := tmp_path / "before.json").write_text(json.dumps(first.report))
    (profile := tmp_path / "ours.toml").write_text(
        'name = "ours"\nsays = "what we ask for"\n[required]\n"pid.init-is-one" = "us"\n'
    )
    done = run(tmp_path / "done", *asked, "--isolation-since", str(before), "--isolation-profile", str(profile))
    assert done.code == 1
    assert "carried" not in done.rows["host", "pid.init-is-one"]


@pytest.mark.long(seconds=25)
def test_a_run_that_was_cut_short_goes_on(tmp_path: Path) -> None:
    """Of as many examples as it was asked for; what is there already comes first, so a second cut loses none of it."""
    asked = ("--isolation", "--box", "chroot", "--isolation-jobs", "1", "--isolation-examples", "2")
    only = ("--isolation-only", ",".join(FILES))
    first = run(tmp_path / "first", *asked, *only)
    stood = [row["guarantee"] for row in first.report["results"] if row["verdict"] in ("holds", "violated")]
    assert len(stood) > 1
    # Cut short: the last of those that were measured is all there is.
    before = tmp_path / "before.json.partial"
    left = [row for row in first.report["results"] if row["guarantee"] == stood[-1]]
    before.write_text(json.dumps(first.report | {"results": left}))

    again = run(tmp_path / "again", *asked, *only, f"--isolation-since={before}", "-v")
    assert {at[1] for at, row in again.rows.items() if "carried" in row} == {stood[-1]}
    assert set(again.rows) == set(first.rows)
    told = [line for line in again.out.splitlines() if "[chroot" in line and "::" in line]
    assert FILES[stood[-1]] in told[0], told

    more = run(tmp_path / "more", *asked[:-1], "3", *only, f"--isolation-since={before}")
    assert not any("carried" in row for row in more.report["results"]), "two examples are not three"
