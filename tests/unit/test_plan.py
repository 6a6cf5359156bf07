"""What a run measures: doors, pairs and holes, before anything is started."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import share
from pytest_isolation.door import Door
from pytest_isolation.guarantees import severity
from pytest_isolation.guarantees.guarantee import EXAMPLES, Guarantee, guarantee
from pytest_isolation.options.config import RunConfig
from pytest_isolation.suite.boxes import choose
from pytest_isolation.suite.plan import Cell, cells, meets_a_sibling, pairs
from tests.support import built_in_checks

PROMISE = guarantee(
    "pid.plan",
    claim="x",
    sources=("man:kill(2)",),
    severity=severity.host("signals processes of the host"),
    falsified_by=share("pid"),
)
DOCKER, HOST = BoxSpec(technology="docker", door=Door.BOTH), BoxSpec(technology="host")


def alone(box: Any) -> None:
    box.spawn()


def beside(box: Any) -> None:
    box.sibling.spawn()


def planned(*boxes: BoxSpec, test: Any = alone, promise: Guarantee = PROMISE, **asked: Any) -> list[str]:
    return [str(cell) for cell in cells(promise, test, boxes, RunConfig(boxes=boxes, **asked))]


def test_both_doors() -> None:
    assert planned(DOCKER, HOST) == ["docker", "docker@exec", "host"]
    doors = [(cell.spec.door, cell.again) for cell in cells(PROMISE, alone, [DOCKER], RunConfig())]
    assert doors == [("start", False), ("exec", True)]


def test_one_door_is_one_cell() -> None:
    """And its id is the box's name, whichever door it is."""
    for door in ("start", "exec"):
        (cell,) = cells(PROMISE, alone, [replace(DOCKER, door=door)], RunConfig())
        assert (str(cell), cell.spec.door, cell.again) == ("docker", door, False)


def test_nobody_enters_a_box_whose_start_or_end_is_the_question() -> None:
    for door in Door:
        told = planned(replace(DOCKER, door=door), promise=replace(PROMISE, id="life.exit-status-kept"))
        assert told == ["docker"]


def test_a_full_run_wants_both_doors_where_there_are_two() -> None:
    doors = {one.spec.name: one.spec.door for one in choose(RunConfig())}
    assert {name: doors[name] for name in ("host", "chroot", "qemu", "nspawn")} == dict.fromkeys(
        ("host", "chroot", "qemu", "nspawn"), "start"
    )
    assert {doors[name] for name in ("docker", "podman", "runc", "crun", "gvisor", "lxc", "namespaces")} == {"both"}
    attached = BoxSpec(technology="docker", door=Door.BOTH, options=(("container", "web"),))
    assert choose(RunConfig(boxes=(attached,)))[0].spec.door == Door.START


def test_pairs_are_for_checks_that_ask_for_a_sibling() -> None:
    assert planned(DOCKER, HOST, pairs=True) == ["docker", "docker@exec", "host"]
    with_pairs = planned(DOCKER, HOST, test=beside, pairs=True)
    assert with_pairs == ["docker", "docker@exec", "host", "docker+host", "host+docker"]
    assert planned(DOCKER, HOST, test=beside) == ["docker", "docker@exec", "host"]
    assert planned(HOST, test=beside, pairs=True) == ["host"]


def test_which_checks_ask_for_one() -> None:
    found = {promise.id for promise, test in built_in_checks() if meets_a_sibling(test)}
    assert found >= {
        "net.bridge-icc", "pid.siblings-hidden", "mnt.writes-not-shared", "cg.mem.oom-contained", "cg.pids.enforced",
    }  # fmt: skip
    assert "cg.ns-root" not in found, "it has the word in a text only"


def test_a_sibling_asked_for_in_a_nested_function() -> None:
    def check(box: Any) -> list[Any]:
        return [box.sibling.alive for _ in range(2)]

    assert meets_a_sibling(check)


@given(st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10))
def test_every_two_boxes_are_a_pair(names: list[str]) -> None:
    boxes = [BoxSpec(technology="host", name=name) for name in names]
    made = [(one.name, other.name) for one, other in pairs(boxes)]
    assert {frozenset(pair) for pair in made} == {frozenset((a, b)) for a in names for b in names if a != b}
    assert len(made) == len(set(made)) == len(names) * (len(names) - 1)


@pytest.mark.parametrize("kind", list(EXAMPLES))
@pytest.mark.parametrize("asked", [None, 1, 3, 1000])
def test_how_many_examples(kind: Any, asked: int | None) -> None:
    """The start door has them all, a second door a fifth, a pair a tenth; never none, never more than was asked."""
    promise = guarantee(
        "pid.many",
        claim="x",
        sources=("man:kill(2)",),
        severity=severity.host("signals processes of the host"),
        falsified_by=share("pid"),
        kind=kind,
    )
    whole = Cell(HOST).examples(promise, asked)
    assert whole == (asked if asked is not None and kind == "per-call" else EXAMPLES[kind])
    for cell, part in ((Cell(HOST, again=True), 5), (Cell(HOST, sibling=DOCKER), 10)):
        assert cell.examples(promise, asked) == max(whole // part, min(whole, 2))


def test_holes_are_opened_behind_the_first_door() -> None:
    namespaces = BoxSpec(technology="namespaces", door=Door.BOTH)
    assert planned(namespaces, prove=True) == ["namespaces", "namespaces@exec", "namespaces~share-pid"]
