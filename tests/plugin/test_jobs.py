"""Several processes measure one run (--isolation-jobs): its rows are those of one, whatever becomes of a helper."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from pytest_isolation.boxes import lifetime
from tests.runs import Done, Run, run

MANY = ("--isolation", "--box", "namespaces", "--box", "host", "--isolation-only", "pid.*,fd.*,ipc.*,mnt.t*,leak.locks")
"""Cells enough for four processes, most of them quick, and one of each box that is measured alone."""
VARY = {"seconds", "evidence", "examples", "decided"}
"""What depends on the machine's pace (a violation is shrunk for a time) and the run's tokens."""


def _rows(done: Done) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in VARY} for row in done.report["results"]]


def _helpers(process: int) -> list[psutil.Process]:
    """Its children that are no agents: Python, forked off."""
    try:
        whole = psutil.Process(process)
        return [one for one in whole.children() if one.cmdline() == whole.cmdline()]
    except psutil.Error:
        return []


def _helping(one: Run, number: int = 1) -> list[psutil.Process]:
    """So many helpers, as soon as each has a register of its own and so begins to start boxes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = _helpers(one.process.pid)
        if len(found) == number and all(list(one.temporary.glob(f"*/*-{helper.pid}")) for helper in found):
            return found
        time.sleep(0.02)
    raise AssertionError(f"expected {number} helpers, found {found}")


def test_the_rows_of_several_processes_are_those_of_one(tmp_path: Path) -> None:
    alone = run(tmp_path / "1", *MANY, "--hypothesis-seed=7", "--isolation-jobs", "1")
    several = run(tmp_path / "3", *MANY, "--hypothesis-seed=7", "--isolation-jobs", "3")
    assert alone.code == several.code
    assert len(_rows(alone)) >= 24
    assert _rows(several) == _rows(alone)
    assert [box["given"] for box in several.report["boxes"]] == [box["given"] for box in alone.report["boxes"]]
    starts = [[box["costs"]["start_ms"]["n"] for box in done.report["boxes"]] for done in (alone, several)]
    assert all(more > fewer for fewer, more in zip(*starts, strict=True)), "nobody helped"


def test_helpers_measure_the_members_of_families_too(tmp_path: Path) -> None:
    members = ("--isolation", "--box", "host", "--hypothesis-seed=7", "--isolation-only", "cap.*")
    alone = run(tmp_path / "1", *members, "--isolation-jobs", "1")
    several = run(tmp_path / "2", *members, "--isolation-jobs", "2")
    assert len(_rows(alone)) >= 16
    assert _rows(several) == _rows(alone)
    starts = [done.report["boxes"][0]["costs"]["start_ms"]["n"] for done in (alone, several)]
    assert starts[1] > starts[0], "nobody helped"


def test_one_image_serves_every_guarantee_that_is_asked_for_it(tmp_path: Path) -> None:
    asked = ("--isolation", "--box", "namespaces", "--hypothesis-seed=7", "--isolation-only")
    alone = run(tmp_path / "alone", *asked, "port.layer-semantics.modes")
    several = run(tmp_path / "several", *asked, "port.layer-semantics.[mol]*")
    assert [row["guarantee"].rpartition(".")[2] for row in _rows(several)] == ["links", "modes", "owners"]
    assert [row["verdict"] for row in _rows(several)] == ["holds"] * 3
    assert all(row["examples"] == row["decided"] == 5 for row in several.report["results"])
    starts = [done.report["boxes"][0]["costs"]["start_ms"]["n"] for done in (alone, several)]
    # The box, and one for each image.  Not to the number: what Hypothesis draws depends a little on what is imported.
    assert starts[0] == 6
    assert starts[1] <= 9, "each guarantee was tried with images of its own"


@pytest.mark.parametrize(
    "asked",
    # A host name needs an image of its own.
    ["port.image-config-honoured.[!h]*,port.same-image*", "env.*-not-inherited,fd.*,key.session*"],
)
def test_one_start_serves_every_guarantee_that_is_asked_for_a_part_of_it(tmp_path: Path, asked: str) -> None:
    done = run(tmp_path, "--isolation", "--box", "namespaces", "--isolation-jobs", "1", "--isolation-only", asked)
    rows = done.report["results"]
    assert len(rows) in (4, 5)
    assert {(row["verdict"], row["control"], row["decided"]) for row in rows} == {("holds", "fired", 5)}
    # The box, and one for each input; a few more, for what Hypothesis draws depends a little on what is imported.
    assert done.report["boxes"][0]["costs"]["start_ms"]["n"] <= 8


def test_what_a_helper_that_dies_had_not_done_the_run_does(tmp_path: Path) -> None:
    one = Run(tmp_path, *MANY, "--isolation-jobs", "2")
    (helper,) = _helping(one)
    helper.kill()
    done = one.wait()
    assert done.code in (0, 1)
    assert {row["verdict"] for row in done.report["results"]} <= {"holds", "violated", "unsupported"}
    assert done.report["run"]["missing"] == 0
    run(tmp_path, "--isolation", "--box", "host", "--isolation-only", "pid.init-is-one")  # removes what it left
    assert list(one.temporary.glob(f"*/*-{helper.pid}")) == []


@pytest.mark.parametrize("to_all", [False, True], ids=["SIGTERM to the run", "Control-C"])
def test_a_run_that_is_cut_short_takes_its_helpers_along(tmp_path: Path, to_all: bool) -> None:
    one = Run(tmp_path, *MANY, "--isolation-jobs", "3")
    helpers = _helping(one, 2)
    os.killpg(one.process.pid, signal.SIGINT) if to_all else one.process.send_signal(signal.SIGTERM)
    done = one.wait(60)
    assert done.code == 2, done.out
    assert not any(helper.is_running() for helper in helpers)
    assert one.left_behind(done) == []


def test_a_run_that_is_cut_short_while_its_helpers_wait_takes_them_along(tmp_path: Path) -> None:
    only = ("--isolation-only", "leak.*,pid.*,cap.*")
    one = Run(tmp_path, "--isolation", "--box", "host", *only, "--isolation-jobs", "2")
    deadline = time.monotonic() + 60
    while not (helpers := _helpers(one.process.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)  # what is measured alone takes seconds
    assert not any(list(one.temporary.glob(f"*/*-{helper.pid}")) for helper in helpers), "a helper did not wait"
    one.process.send_signal(signal.SIGTERM)
    done = one.wait(60)
    assert done.code == 2, done.out
    assert len(helpers) == 1 and not helpers[0].is_running()
    assert one.left_behind(done) == []


def test_a_run_that_is_killed_takes_its_helpers_along(tmp_path: Path) -> None:
    one = Run(tmp_path, *MANY, "--isolation-jobs", "3", report=False)
    helpers = _helping(one, 2)
    one.process.kill()  # it alone, not its group
    one.process.communicate()
    assert psutil.wait_procs(helpers, timeout=10)[1] == []
    left = [path for path in one.temporary.glob("pytest-isolation-*/*") if lifetime.RUN.fullmatch(path.name)]
    assert len(left) == 3
    run(tmp_path, "--isolation", "--box", "host", "--isolation-only", "pid.init-is-one")
    assert not any(path.exists() for path in left)


def test_for_a_few_cells_nobody_is_asked_to_help(tmp_path: Path) -> None:
    asked = ("--isolation", "--box", "namespaces", "--isolation-only", "pid.init-is-one,pid.signal*")
    done = run(tmp_path, *asked, "--isolation-jobs", "4")
    assert [box["costs"]["start_ms"]["n"] for box in done.report["boxes"]] == [1]
