"""Of the guarantees port.limit-*: each text means its number, and a kernel that has another has not kept it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.cgroups import Group
from pytest_isolation.boxes.spec import MIB, BoxSpec
from pytest_isolation.boxes.wording import BESIDE, LIMITS, NO_FILE
from pytest_isolation.errors import Unsupported
from pytest_isolation.outside.limits.as_written import WRITTEN, Written
from pytest_isolation.technologies.asking import sayable

OF = {one.limit: one for one in WRITTEN}
UNITS = {"k": 1 << 10, "K": 1 << 10, "m": MIB, "M": MIB, "b": 1}


class Elsewhere:
    """A machine whose files lie in a directory."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def path(self, path: str) -> Path:
        return self.top / path.strip("/")

    def write(self, path: str, text: str) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text, encoding="utf-8")


@pytest.fixture
def machine(tmp_path: Path) -> Elsewhere:
    """Of three processors a box has two there, and a process of this run a score of 500."""
    made = Elsewhere(tmp_path)
    made.write("/proc/7/status", "Name:\tx\nCpus_allowed_list:\t1,6\n")
    made.write("/proc/self/oom_score_adj", "500\n")
    return made


def box_on(machine: Elsewhere, **places: Path) -> Any:
    """Of LXC, whose group has `places`."""
    parts = SimpleNamespace(init_pid=7, host=machine, group=Group("g", places) if places else None)
    return SimpleNamespace(parts=parts, spec=BoxSpec(technology="lxc"))


def test_every_size_is_the_number_that_its_unit_says(machine: Elsewhere) -> None:
    box = box_on(machine)
    for name in ("memory", "memory-swap", "memory-reservation", "shm-size"):
        for text, number in OF[name].ways(17, box):
            unit = UNITS.get(text[-1], 1)
            assert int(text.rstrip("kKmMb")) * unit == int(number), (name, text)
    assert {text[-1] for text, _ in OF["memory"].ways(0, box)} >= UNITS.keys()
    assert all(int(number) > BESIDE for _, number in OF["memory-swap"].ways(0, box))


@pytest.mark.parametrize("one", WRITTEN, ids=lambda one: one.limit)
@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
def test_no_limit_and_another_number_are_told(one: Written, v2: bool, machine: Elsewhere) -> None:
    assert one.limit in LIMITS
    for text, meant in one.ways(5, box_on(machine)):
        others = (str(2 * int(meant.split(":")[0].split()[0]) + MIB), "none", NO_FILE)
        assert not any(one.kept(meant, found, v2) for found in others), text


@pytest.mark.parametrize(
    ("limit", "v2", "meant", "found"),
    [
        ("memory", False, "33554433", "33554432"),
        ("memory-swap", False, str(40 * MIB), str(40 * MIB)),
        ("memory-swap", True, str(40 * MIB), str(8 * MIB)),
        ("cpu-shares", False, "512", "512"),
        ("cpu-shares", True, "1024", "100"),
        ("cpu-shares", True, "1024", "39"),
        ("cpu-quota", False, "50000 of 100000", "50000 of 100000"),
        ("cpuset-cpus", False, "1", "1"),
        ("shm-size", False, "16777217", "16781312"),
        ("nofile", False, "600:1200", "600:1200"),
        ("pids", False, "64", "64"),
        ("oom-score-adj", False, "321", "321"),
    ],
)
def test_what_the_kernel_makes_of_a_number_is_kept(limit: str, v2: bool, meant: str, found: str) -> None:
    assert OF[limit].kept(meant, found, v2)


def test_the_hard_limit_is_the_one_that_was_written(machine: Elsewhere) -> None:
    """An engine that loses it, or makes one up, has not kept it."""
    alone, same, twice = OF["nofile"].ways(88, box_on(machine))
    assert (alone, same, twice) == (("600", "600:600"), ("600:600", "600:600"), ("600:1200", "600:1200"))
    assert not OF["nofile"].kept(twice[1], "600:600", False)
    assert not OF["nofile"].kept(same[1], "600:1200", False)


def test_the_version_is_that_of_the_boxs_group(machine: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the machine that pytest runs on: a daemon's may have the other one."""
    box = box_on(machine, unified=machine.top)
    monkeypatch.setattr(cgroups, "hierarchies", lambda *_: {"memory": machine.top, "cpu": machine.top})
    assert OF["memory-swap"].has_it(box, str(40 * MIB), str(8 * MIB))
    assert OF["cpu-shares"].has_it(box, "1024", "100")
    monkeypatch.setattr(cgroups, "hierarchies", lambda *_: {"unified": machine.top})
    assert OF["memory-swap"].has_it(box_on(machine, memory=machine.top), str(40 * MIB), str(40 * MIB))


def test_a_processor_is_one_that_such_a_box_has(machine: Elsewhere) -> None:
    for number in range(5):
        ways = OF["cpuset-cpus"].ways(number, box_on(machine))
        assert {meant for _, meant in ways} == {("1", "6")[number % 2]}
    machine.write("/proc/7/status", "Cpus_allowed_list:\t6\n")
    with pytest.raises(Unsupported, match="one processor"):
        OF["cpuset-cpus"].ways(0, box_on(machine))


def test_a_score_is_above_the_runs_own(machine: Elsewhere) -> None:
    drawn = [
        int(meant) for number in range(0, 3000, 7) for _, meant in OF["oom-score-adj"].ways(number, box_on(machine))
    ]
    assert (min(drawn) > 500, max(drawn) < 1000) == (True, True)
    machine.write("/proc/self/oom_score_adj", "1000\n")
    with pytest.raises(Unsupported, match="a score of 1000"):
        OF["oom-score-adj"].ways(0, box_on(machine))


def test_a_kernel_without_the_file_breaks_nothing(machine: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 without swap accounting; but a group that was not given the controller has lost the limit."""
    monkeypatch.setattr(cgroups, "hierarchies", lambda *_: {"memory": machine.top})
    with pytest.raises(Unsupported, match="has no file of the limit on memory and swap"):
        OF["memory-swap"].has_it(box_on(machine, memory=machine.top), str(40 * MIB), NO_FILE)
    assert not OF["memory"].has_it(box_on(machine, pids=machine.top), "33554432", NO_FILE)
    with pytest.raises(Unsupported, match="has no file of the limit on processes"):
        OF["pids"].has_it(box_on(machine, memory=machine.top), "64", NO_FILE)
    # No mount of that size, and that is the box's.
    assert not OF["shm-size"].has_it(box_on(machine), "16777216", NO_FILE)


@pytest.mark.parametrize("limit", ["memory-swap", "cpu-shares"])
def test_what_version_2_has_no_file_for_lxc_cannot_write(
    limit: str, machine: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = box_on(machine)
    monkeypatch.setattr(cgroups, "hierarchies", lambda *_: {"unified": machine.top})
    with pytest.raises(Unsupported, match=f"lxc can write {limit} in none of the ways: control groups v2 have no file"):
        sayable(box, limit, lambda: OF[limit].ways(0, box))
    assert len(sayable(box, "memory", lambda: OF["memory"].ways(0, box))) == 7
