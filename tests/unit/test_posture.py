"""How two processes are compared: what may not be looked at is no likeness."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation.agent.shortcuts import set_name
from pytest_isolation.boxes.local import start_local
from pytest_isolation.outside.confined.posture import ASPECTS, differences, seen

LABEL = next(one for one in ASPECTS if one.slug == "label")
GROUP = next(one for one in ASPECTS if one.slug == "cgroup")


@pytest.mark.parametrize(("first", "other"), [({"label": "a"}, {}), ({}, {"label": "a"}), ({}, {})])
def test_what_nobody_may_look_at_is_not_alike(first: dict[str, str], other: dict[str, str]) -> None:
    assert differences(LABEL, {"label": first}, {"label": other}) is None


def test_another_label_is_told_with_both() -> None:
    found = differences(LABEL, {"label": {"label": "a"}}, {"label": {"label": "b"}})
    assert found == {"label": "a of the first process, b of who entered"}


@pytest.mark.parametrize(("path", "alike"), [("/box", True), ("/box/below", True), ("/boxes", False), ("/", False)])
def test_a_group_below_the_first_ones_is_its(path: str, alike: bool) -> None:
    assert (differences(GROUP, {"cgroup": {"pids": "/box"}}, {"cgroup": {"pids": path}}) == {}) is alike


def test_a_process_may_have_any_name() -> None:
    """red: one whose name is no UTF-8 had "ended", and no aspect of the box was decided."""
    box: Any = SimpleNamespace(outside=SimpleNamespace(path=Path))
    with start_local() as local:
        assert set_name(local.proc, "\udcff\r").ok
        assert seen(box, local.pid)["user"]["Uid"]
