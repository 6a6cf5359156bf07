"""--isolation-flow: channels that are opened must be found, and what cannot be sent must not be read."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from pytest_isolation.agent.client import Program
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.report.further import BoxFlow
from pytest_isolation.suite.flow import differ, probes, sides
from pytest_isolation.suite.flow.acts import Place
from pytest_isolation.suite.flow.controls import CONTROLS, Control
from pytest_isolation.suite.flow.grammar import Sender
from pytest_isolation.suite.flow.known import known
from pytest_isolation.suite.flow.measure import Measured, measure, opened
from pytest_isolation.suite.flow.search import Looker, Search, confirm
from pytest_isolation.suite.flow.several import Helpers, Turns
from tests.runs import run
from tests.support import need

NAMESPACES = BoxSpec(technology="namespaces")
MOST_S = 90
"""On a busy machine; a quiet one finds each in a second or two."""


def _shared() -> set[str]:
    """Receivers that every box of a kernel shares: they tell nothing of a control."""
    return {name for one in known() for name in one.reads if "*" not in name} - {"/proc/key-users"}


@pytest.mark.parametrize("control", CONTROLS, ids=lambda one: one.name)
def test_a_channel_that_is_opened_is_found(control: Control) -> None:
    need("namespaces")
    found = opened(NAMESPACES, control, MOST_S, random.Random(1), passed_over=_shared())
    assert found.found, found


def test_a_sender_that_pretends_is_never_found() -> None:
    need("namespaces")
    search, chance = Search(), random.Random(2)
    with sides.boxes(NAMESPACES) as boxes:
        between = partial(boxes.between, sides.BOX_TO_SIBLING)
        with between(False, None) as (actor, watcher):
            Looker(actor, watcher, chance, search, pretending=True).look(time.monotonic() + 4)
        confirm(between, search.leads, search.pairs, chance, time.monotonic(), search, pretending=True)
    assert search.pairs > 1000
    assert not search.confirmed


def _clock(program: Program, fd: int, place: Place) -> probes.Read:
    step = program.clock_gettime(1)
    return lambda replies: b"ns %d" % int.from_bytes(replies[step].data[8:16], "little")


def test_a_clock_is_no_flow() -> None:
    """A sender that acts takes longer than one that pretends: what only counts time must not tell the two apart."""
    need("namespaces")
    clock, where = probes.Probe("clock", "clocks", "clock_gettime()", _clock), (b"ns", 0, 1)
    with (
        sides.boxes(NAMESPACES) as boxes,
        boxes.between(sides.BOX_TO_SIBLING, False, [clock]) as (actor, watcher),
    ):
        seen = differ.blocks(actor, watcher, Sender((("busy", 2),)), (0,), 64, random.Random(3))[0]
    assert all(differ.proof(seen, rule).chance > 1e-5 for rule in differ.rules(where))


def test_one_technology_beside_another() -> None:
    need("namespaces")
    rows: list[BoxFlow] = []
    measured = Measured(NAMESPACES, 15.0, "4", lambda said: None, rows)
    measured.measure_beside(BoxSpec(technology="chroot"))
    (row,) = rows
    assert row.direction == "box to chroot" and row.reason is None and row.pairs > 100


def test_a_box_of_somebody_elses_is_left_alone() -> None:
    (row,) = measure([BoxSpec(technology="attach", name="theirs")], seconds=5, seed=1)
    assert row.pairs == 0 and row.reason is not None and "intrusive=true" in row.reason


def test_several_processes_search_through_both_doors() -> None:
    """Their rows are one, with the pairs of both; who looks does not while another proves."""
    need("namespaces")
    found = measure([replace(NAMESPACES, door=Door.BOTH)], seconds=6, seed=1, jobs=2)
    assert [(row.door, row.direction) for row in found] == [
        (door, str(one)) for door in ("start", "exec") for one in sides.DIRECTIONS
    ]
    assert {row.processes for row in found} == {2} and all(row.pairs > row.receivers for row in found), found
    assert [row.reason for row in found if row.reason] == []


def test_a_box_beside_another_is_entered_by_its_own_door() -> None:
    """chroot has no exec door: nobody asks it for one."""
    need("namespaces")
    entered, other = replace(NAMESPACES, door=Door.EXEC), BoxSpec(technology="chroot")
    with (
        sides.boxes(entered, other) as boxes,
        boxes.between(sides.Direction("box", other.name), True, []) as (actor, _),
    ):
        assert actor is not None


def test_who_takes_turns_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    helpers = Helpers(_dies, 0)
    assert list(tmp_path.iterdir()) == [], "SIGKILL now would leave it"
    with helpers, helpers.turns.looking(), helpers.turns.looking():
        fd = os.open(f"/proc/self/fd/{helpers._file.fileno()}", os.O_RDWR)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(fd)


def _dies(number: int, turns: Turns) -> BoxFlow:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_of_a_process_that_dies_nobody_waits() -> None:
    with Helpers(_dies, 2) as helpers:
        assert helpers.rows() == []


def test_a_whole_run(tmp_path: Path) -> None:
    need("namespaces")
    done = run(
        tmp_path,
        *("--isolation", "--box", "namespaces", "--isolation-only", "pid.ppid-zero"),
        *("--isolation-flow", "--isolation-flow-seconds", "12", "-v"),
        env={"XDG_CACHE_HOME": str(tmp_path / "cache")},
    )
    schema = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(done.report)
    assert [row["direction"] for row in done.report["flow"]] == ["box to sibling", "host to box", "box to host"]
    findings = [one for row in done.report["flow"] for one in row["findings"]]
    assert findings, done.out
    assert all(one["chance"] < 0.001 for one in findings)
    assert {one["name"] for one in done.report["flow"][0]["controls"]} == {one.name for one in CONTROLS}
    done.said("what flows between boxes and their host", "control: one network namespace (join-sibling-net):")
    assert (tmp_path / "cache" / "pytest-isolation" / "flow.json").is_file()


def test_a_search_that_is_ended_keeps_what_it_found(tmp_path: Path) -> None:
    need("namespaces")
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--isolation", "--box", "namespaces"]
    argv += ["--box", "later=namespaces", "--isolation-only", "pid.ppid-zero"]
    argv += ["--isolation-flow", "--isolation-report", "json:told.json"]
    with subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line.startswith("flow of namespaces: box to sibling:") and "pairs" in line:
                run.send_signal(signal.SIGTERM)
                break
        said = run.stdout.read()
    assert run.returncode == 0, said  # every row was measured
    report = json.loads((tmp_path / "told.json").read_text())
    assert report["flow"][0]["cut_short"] and report["flow"][0]["pairs"], said
    assert [one["reason"] for one in report["flow"] if one["box"] == "later"] == ["the run was interrupted before"]
    assert "interrupted while flows were searched: more may flow" in report["notes"]
