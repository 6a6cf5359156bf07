"""Both doors of a box that can be entered, with real boxes: every check through each, and a difference is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import run
from tests.support import need

FEW = "cg.mem.enforced,pid.signal-out-refused"
"""One with a spec of its own, one without: two starts."""


@pytest.mark.parametrize("name", ["namespaces", "runc", "docker"])
def test_every_check_through_both(tmp_path: Path, name: str) -> None:
    """One box serves both doors: nothing is started for the second one."""
    need(name)
    done = run(tmp_path / "run", "--isolation", "--box", f"{name}:door=both", "--isolation-only", FEW)
    assert done.code == 0, done.out
    rows = {(row["guarantee"], row["door"]): row for row in done.report["results"]}
    assert set(rows) == {(guarantee, door) for guarantee in FEW.split(",") for door in ("start", "exec")}
    assert {row["verdict"] for row in rows.values()} == {"holds"}
    assert rows["pid.signal-out-refused", "start"]["examples"] > rows["pid.signal-out-refused", "exec"]["examples"]
    assert rows["cg.mem.enforced", "exec"]["examples"] == 2
    (box,) = done.report["boxes"]
    assert box["spec"]["door"] == "both"
    assert box["costs"]["start_ms"]["n"] == 2
    assert "doors differ" not in done.out


@pytest.mark.parametrize("name", ["runc", "lxc"])
def test_no_promise_of_the_start_is_taken_for_one_of_the_entry(tmp_path: Path, name: str) -> None:
    """What the caller has (keys, descriptors, variables) each door keeps back, or lets in, by itself."""
    need(name)
    few = "key.session-not-inherited,fd.only-stdio,fd.caller-descriptors-closed,env.caller-*"
    done = run(tmp_path / "run", "--isolation", "--box", f"{name}:door=both", "--isolation-only", few)
    assert done.code == 0, done.out
    assert {row["door"] for row in done.report["results"]} == {"start", "exec"}


def test_a_verdict_that_differs_is_shown(tmp_path: Path) -> None:
    """Who enters is in no control group of the box: what it takes is not charged, and what the box takes is."""
    markdown = tmp_path / "report.md"
    asked = ("--box", "namespaces:door=both,weaken=drop-exec-group", "--isolation-only", "cg.mem.oom-contained")
    done = run(tmp_path / "run", "--isolation", *asked, f"--isolation-report=md:{markdown}")
    rows = {row["door"]: row for row in done.report["results"]}
    assert (rows["start"]["verdict"], rows["exec"]["verdict"]) == ("holds", "violated"), done.out
    assert done.code == 1, "the hole is not the guarantee's own: it is promised still"
    done.said(
        "mem.oom-contained holds/VIOLATED", "the doors differ",
        "cg.mem.oom-contained in namespaces: holds through the start door, violated through the exec door",
        "VIOLATED cg.mem.oom-contained in namespaces@exec", "1 different by door: FAILED",
    )  # fmt: skip
    assert "| holds/VIOLATED |" in markdown.read_text()
    assert "## The doors differ" in markdown.read_text()


def test_with_workers(tmp_path: Path) -> None:
    """Both doors of a box are one worker's: it is started once."""
    asked = ("--box", "namespaces:door=both", "--box", "host", "--isolation-only", "pid.signal*,pid.ptr*")
    serial = run(tmp_path / "serial", "--isolation", *asked, "--hypothesis-seed=7")
    workers = run(tmp_path / "workers", "-n", "2", "--isolation", *asked, "--hypothesis-seed=7")
    keys = [
        [(row["box"], row["guarantee"], row["door"], row["verdict"], row["examples"]) for row in done.report["results"]]
        for done in (serial, workers)
    ]
    assert keys[0] == keys[1]
    starts = [[box["costs"]["start_ms"]["n"] for box in done.report["boxes"]] for done in (serial, workers)]
    assert starts == [[1, 1], [1, 1]]
