"""Guarantees measured by a program, without items of pytest."""

from __future__ import annotations

import os

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.options.config import RunConfig
from pytest_isolation.outside.box import Box
from pytest_isolation.suite.measure import built_in, measure

ONE = RunConfig(only=("pid.init-is-one",), examples=5)
NOWHERE = BoxSpec(technology="docker", name="nowhere", options=(("host", "unix:///nowhere.sock"),))


def test_rows_of_two_boxes_and_one_that_cannot_start() -> None:
    told: list[str] = []
    specs = [BoxSpec(technology="host"), BoxSpec(technology="namespaces"), NOWHERE]
    run = measure(specs, options=ONE, seed=7, tell=lambda spec: told.append(spec.name),
                  look=lambda box: {"seen": box.spec.name})  # fmt: skip
    assert told == ["host", "namespaces", "nowhere"]
    if os.geteuid() == 0:
        assert {row.box: row.verdict for row in run.results} == {"host": "violated", "namespaces": "holds"}
    assert {row.guarantee for row in run.results} == {"pid.init-is-one"} == {row.id for row in run.guarantees}
    host, _, nowhere = run.boxes
    assert host.available and host.spec["facts"]["seen"] == "host" and host.costs["start_ms"].n == 1
    assert not nowhere.available and "/nowhere.sock" in (nowhere.reason or "") and nowhere.remedy
    assert run.run.seed == 7


def test_a_box_that_cannot_be_looked_at_has_no_rows() -> None:
    def fails(box: Box) -> dict[str, str]:
        raise OSError("its door is closed")

    run = measure([BoxSpec(technology="host")], options=ONE, look=fails)
    assert [(box.available, box.reason) for box in run.boxes] == [(False, "its door is closed")]
    assert run.results == ()


def test_the_checks_can_be_chosen() -> None:
    checks = [(promise, test) for promise, test in built_in() if promise.id == "pid.init-is-one"]
    run = measure([BoxSpec(technology="namespaces")], checks)
    assert [row.guarantee for row in run.results] == ["pid.init-is-one"]


def test_no_box_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measure([], options=ONE).boxes == ()
