"""Boxes that nobody waits for end all the same, and before the run does."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.host import LocalHost
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies.ending import MOST, Ending


def _box(close: Any, **more: Any) -> Box:
    return Box(BoxSpec(technology="namespaces"), BoxHandle(cast(Agent, object()), close=close, **more))


def test_whoever_ends_a_box_does_not_wait_for_it_and_the_run_does() -> None:
    may_end, ended = threading.Event(), threading.Event()
    ending = Ending([].append)
    ending.end(_box(lambda: (may_end.wait(10), ended.set())))
    assert not ended.is_set()
    may_end.set()
    ending.wait()
    assert ended.is_set()


def test_not_more_than_a_few_are_ending_at_one_time() -> None:
    may_end, all_asked = threading.Event(), threading.Event()
    ending = Ending([].append)

    def ask() -> None:
        for _ in range(MOST + 1):
            ending.end(_box(lambda: may_end.wait(10)))
        all_asked.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert not all_asked.wait(0.2)
    may_end.set()
    assert all_asked.wait(10)
    asking.join()
    ending.wait()


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_what_resists_is_told_with_its_box(where: str) -> None:
    told: list[str] = []
    ending = Ending(told.append)

    def resist() -> None:
        raise OSError("the daemon\nwas stopped")

    ending.end(_box(resist, **({} if where == "here" else {"host": LocalHost()})))
    ending.wait()
    assert told == ["namespaces: the daemon was stopped"]


def test_on_another_machine_a_box_is_ended_at_once() -> None:
    by: list[threading.Thread] = []
    Ending([].append).end(_box(lambda: by.append(threading.current_thread()), host=LocalHost()))
    assert by == [threading.current_thread()]
