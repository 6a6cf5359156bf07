"""The files through which the processes of one run tell each other of cells."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation import guarantee, weaken
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.guarantees import severity
from pytest_isolation.suite.jobs import Jobs
from pytest_isolation.suite.messages import Closed, Measured, Process, Told
from pytest_isolation.suite.order import is_alone, is_long, place_of, rank
from pytest_isolation.suite.plan import Cell

CELL: Any = SimpleNamespace(nodeid="isolation::pid/test_x.py::test_x[host]", function=lambda: None)


def told(box: str) -> Measured:
    return Measured(told=Told(closed=Closed(box=box, door=Door.START, reason="it was not there")))


FOUND = told("host")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system on which a file can be made, and nothing be written."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4096", "tmpfs", tmp_path], check=True)
    try:
        (tmp_path / "rest").write_bytes(bytes(4096))
        yield tmp_path
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize("left", ["", '{"row": {"verd', "asked"], ids=["nothing", "half a row", "asked before"])
def test_what_no_helper_has_told_whole_is_measured(tmp_path: Path, left: str) -> None:
    (tmp_path / "0.json").write_text(left)
    assert Jobs(tmp_path, [CELL], lambda item: FOUND).measured(CELL) == FOUND


def test_what_a_helper_has_told_is_not_measured_again(tmp_path: Path) -> None:
    (tmp_path / "0.json").write_text(json.dumps(told("other").to_json()))
    assert Jobs(tmp_path, [CELL], lambda item: FOUND).measured(CELL) == told("other")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_on_a_full_disk_the_run_measures_by_itself(full: Path) -> None:
    assert Jobs(full, [CELL], lambda item: FOUND).measured(CELL) == FOUND


def _alike(id: str, inputs: str = "pid.all") -> Any:
    """A cell of a guarantee that is asked for the same inputs as others."""
    promise = guarantee(
        id,
        claim="c",
        sources=("man:kill(2)",),
        severity=severity.host("signals processes of the host"),
        falsified_by=weaken.share("pid"),
        inputs=inputs,
    )
    cell = Cell(BoxSpec(technology="host", name="host"))
    return SimpleNamespace(
        nodeid=f"isolation::{id}", function=promise(lambda box: None), callspec=SimpleNamespace(params={"box": cell})
    )


def test_cells_of_the_same_inputs_are_measured_by_one_process(tmp_path: Path) -> None:
    first, second = _alike("pid.a"), _alike("pid.b")
    measured: list[tuple[str, str]] = []

    def by(who: str) -> Jobs:
        def measure(item: Any) -> Measured:
            measured.append((who, item.nodeid))
            return told(item.nodeid)

        return Jobs(tmp_path, [first, CELL, second], measure)

    one, other = by("one"), by("other")
    assert one.measured(first) == told(first.nodeid)
    assert other.measured(second) == told(second.nodeid)
    assert measured == [("one", first.nodeid), ("one", second.nodeid)]


def test_what_waits_long_is_measured_beside_the_rest(tmp_path: Path) -> None:
    """Five seconds of windows in which nobody else measured were a quarter of a run in namespaces."""
    quick, long = _alike("pid.a", inputs=""), _alike("cg.cpu.b", inputs="")
    inside, may_end = Event(), Event()

    def measure(item: Any) -> Measured:
        if item is long:
            inside.set()
            may_end.wait(60)
        return FOUND

    jobs = Jobs(tmp_path, [long, quick], measure)
    waiting = Thread(target=jobs.measured, args=(long,))
    waiting.start()
    assert inside.wait(10)
    reader, writer = os.pipe()
    with os.fdopen(reader):
        jobs._help(0, writer, Process)
    assert (tmp_path / "1.json").read_text()
    assert waiting.is_alive(), "the other cell waited for it"
    may_end.set()
    waiting.join(10)
    assert is_long(long) and not is_long(quick)


def test_whoever_helps_begins_with_what_takes_long(tmp_path: Path) -> None:
    """At the end everybody would wait for whoever had begun it last."""
    quick, other, long, longer = (_alike(id, inputs="") for id in ("pid.a", "pid.b", "cg.cpu.c", "port.limit-d"))
    measured: list[str] = []

    def measure(item: Any) -> Measured:
        measured.append(item.nodeid)
        return FOUND

    cells = sorted([quick, other, long, longer], key=rank)
    reader, writer = os.pipe()
    with os.fdopen(reader):
        Jobs(tmp_path, cells, measure)._help(3, writer, Process)
    assert measured == [one.nodeid for one in (longer, long, other, quick)]


def _helping(jobs: Jobs) -> Thread:
    """A helper at work, as a thread: it locks files of its own."""
    reader, writer = os.pipe()

    def help() -> None:
        with os.fdopen(reader):
            jobs._help(0, writer, Process)

    thread = Thread(target=help, daemon=True)
    thread.start()
    return thread


def test_while_the_run_measures_alone_helpers_wait(tmp_path: Path) -> None:
    alone, later, quick = _alike("leak.a", ""), _alike("leak.b", ""), _alike("pid.c", "")
    by_run, by_helper, seen = Jobs(tmp_path, cells := [alone, later, quick], lambda item: FOUND), [], []

    def measure(item: Any) -> Measured:
        by_helper.append(item.nodeid)
        return told("helper")

    assert by_run.measured(alone) == FOUND
    helper = _helping(Jobs(tmp_path, cells, measure))
    helper.join(0.3)
    seen.append(list(by_helper))
    assert by_run.measured(later) == FOUND
    helper.join(0.3)
    seen.append(list(by_helper))
    assert helper.is_alive() and seen == [[], []], "a helper measured beside what is measured alone"
    by_run.measured(quick)
    helper.join(10)
    assert not helper.is_alive() and by_helper in ([quick.nodeid], [])


def test_what_is_measured_alone_waits_for_what_a_helper_is_at_and_for_no_more(tmp_path: Path) -> None:
    first, second, alone = _alike("pid.a", ""), _alike("pid.b", ""), _alike("leak.c", "")
    cells = [first, second, alone]
    inside, may_end = Event(), Event()
    order: list[str] = []

    def measure(item: Any) -> Measured:
        inside.set()
        may_end.wait(10)
        order.append(item.nodeid)
        return FOUND

    def measure_alone(item: Any) -> Measured:
        order.append(item.nodeid)
        return FOUND

    helper = _helping(Jobs(tmp_path, cells, measure))
    assert inside.wait(10)
    run = Jobs(tmp_path, cells, measure_alone)
    waiting = Thread(target=run.measured, args=(alone,), daemon=True)
    waiting.start()
    waiting.join(0.3)
    assert waiting.is_alive() and order == []
    may_end.set()
    waiting.join(10)
    helper.join(0.3)
    assert order == [first.nodeid, alone.nodeid] and helper.is_alive()
    run.close()
    helper.join(10)
    assert order == [first.nodeid, alone.nodeid, second.nodeid]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_on_a_full_disk_what_is_measured_alone_is_measured(full: Path) -> None:
    alone = _alike("leak.a", "")
    jobs = Jobs(full, [alone], lambda item: FOUND)
    assert jobs.measured(alone) == FOUND
    jobs.close()


def test_what_is_measured_alone_comes_first_of_its_box() -> None:
    quick, long, alone = _alike("pid.a", ""), _alike("port.limit-b", ""), _alike("leak.c", "")
    assert sorted([quick, long, alone], key=lambda item: place_of(item, ["host"])) == [alone, long, quick]
    assert [is_alone(one) for one in (quick, long, alone, CELL)] == [False, False, True, False]
