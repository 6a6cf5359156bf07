"""Of the guarantees port.limit-*: each text means its number, and a kernel that has another has not kept it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.boxes.wording import BESIDE, LIMITS
from pytest_isolation.errors import Unsupported
from pytest_isolation.outside.as_written import WRITTEN, Written

V1 = {"memory": Path("/m"), "cpu": Path("/c")}
V2 = {"unified": Path("/u")}
OF = {one.limit: one for one in WRITTEN}
UNITS = {"k": 1 << 10, "K": 1 << 10, "m": MIB, "M": MIB, "b": 1}


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_every_size_is_the_number_that_its_unit_says() -> None:
    for name in ("memory", "memory-swap", "memory-reservation", "shm-size"):
        for text, number in OF[name].ways(17):
            unit = UNITS.get(text[-1], 1)
            assert int(text.rstrip("kKmMb")) * unit == number, (name, text)
    assert {text[-1] for text, _ in OF["memory"].ways(0)} >= UNITS.keys()
    assert all(number > BESIDE for _, number in OF["memory-swap"].ways(0))


@pytest.mark.parametrize("one", WRITTEN, ids=lambda one: one.limit)
@pytest.mark.parametrize("mounted", [V1, V2], ids=["v1", "v2"])
def test_no_limit_and_another_number_are_told(one: Written, mounted: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "hierarchies", lambda: mounted)
    assert one.limit in LIMITS
    for text, number in one.ways(5):
        assert not any(one.kept(number, found) for found in (f"{2 * number + MIB}", "none", "no file")), text


@pytest.mark.parametrize(
    ("limit", "mounted", "number", "found"),
    [
        ("memory", V1, 33554433, "33554432"),
        ("memory-swap", V1, 40 * MIB, str(40 * MIB)),
        ("memory-swap", V2, 40 * MIB, str(8 * MIB)),
        ("cpu-shares", V1, 512, "512"),
        ("cpu-shares", V2, 1024, "100"),
        ("cpu-shares", V2, 1024, "39"),
        ("cpu-quota", V1, 50000, "50000 of 100000"),
        ("cpuset-cpus", V1, 1, "1"),
        ("shm-size", V1, 16777217, "16781312"),
        ("nofile", V1, 600, "600:1200"),
        ("pids", V1, 64, "64"),
        ("oom-score-adj", V1, 321, "321"),
    ],
)
def test_what_the_kernel_makes_of_a_number_is_kept(
    limit: str, mounted: object, number: int, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "hierarchies", lambda: mounted)
    assert OF[limit].kept(number, found)


def test_one_processor_cannot_be_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    with pytest.raises(Unsupported, match="one processor"):
        OF["cpuset-cpus"].ways(0)
