"""An engine's own words for a limit are taken as what they mean, or refused before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_isolation import BoxSpec, UsageError
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.options.boxes import changed, parse, unparse
from pytest_isolation.technologies.docker.limits import swap_of


def limits(text: str) -> tuple[int | None, int | None, float | None]:
    spec = parse(text)
    return spec.memory, spec.pids, spec.cpus


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("docker:mem_limit=64m", (64 * MIB, None, None)),
        ("docker:mem_limit=1G,pids_limit=20", (1024 * MIB, 20, None)),
        ("docker:mem_limit=67108864", (64 * MIB, None, None)),
        ("docker:mem_limit=0", (None, None, None)),
        ("docker:pids_limit=0", (None, None, None)),
        ("docker:pids_limit=-1", (None, None, None)),
        ("docker:nano_cpus=500000000", (None, None, 0.5)),
        ("docker:cpu_quota=50000", (None, None, 0.5)),
        ("docker:cpu_quota=50000,cpu_period=200000", (None, None, 0.25)),
        ("docker:cpu_quota=-1", (None, None, None)),
        ("podman:cpu_quota=50000", (None, None, 0.5)),
        ("lxc:config=lxc.cgroup2.memory.max=64M+", (64 * MIB, None, None)),
        ("lxc:config=lxc.cgroup.memory.limit_in_bytes=64M+", (64 * MIB, None, None)),
        ("lxc:config='lxc.cgroup2.cpu.max = 50000 100000'+", (None, None, 0.5)),
        ("lxc:config=lxc.cgroup.cpu.cfs_period_us=50000+lxc.cgroup.cpu.cfs_quota_us=10000", (None, None, 0.2)),
        ("lxc:config=lxc.cgroup2.pids.max=48+lxc.no_new_privs=1", (None, 48, None)),
        ("lxc:config=lxc.cgroup2.pids.max=max+", (None, None, None)),
    ],
)
def test_what_the_words_mean(text: str, expected: tuple[int | None, int | None, float | None]) -> None:
    assert limits(text) == expected
    spec = parse(text)
    assert not {"mem_limit", "pids_limit", "nano_cpus", "cpu_quota", "cpu_period"} & {key for key, _ in spec.options}
    assert "cgroup" not in str(spec.option("config"))
    assert parse(unparse(spec)) == spec


def test_other_lines_of_a_configuration_stay() -> None:
    spec = parse("lxc:config=lxc.cgroup2.pids.max=48+lxc.no_new_privs=1")
    assert spec.option("config") == ("lxc.no_new_privs=1",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("docker:memory=32M,mem_limit=64m", "memory=33554432 and mem_limit=64m set the same; give one of them"),
        ("docker:pids=3,pids_limit=4", "pids=3 and pids_limit=4 set the same"),
        ("docker:nano_cpus=5,cpu_quota=6", "set the same"),
        ("docker:cpu_period=1000", "cpu_period=1000 limits nothing without cpu_quota; give cpus=N"),
        ("docker:mem_limit=64x", "mem_limit is '64x'; expected a number of bytes"),
        ("docker:pids_limit=many", "pids_limit=many: expected a whole number"),
        ("docker:cpu_quota=half", "expected whole numbers"),
        ("docker:cpu_count=2", "cpu_count=2 is for Windows and limits nothing here; give cpus=N"),
        ("docker:memswap_limit=64m", "needs memory=SIZE beside it"),
        ("docker:mem_limit=64m,memswap_limit=32m", "expected at least as much"),
        ("podman:memory=64M,memory_swap=32m", "expected at least as much"),
        ("lxc:memory=32M,config=lxc.cgroup2.memory.max=64M+", "set the same; give one of them"),
        ("lxc:config=lxc.cgroup2.pids.max=some+", "expected a number, or max for no limit"),
    ],
)
def test_what_says_the_same_twice_or_nothing_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_fixtures_have_the_same_door() -> None:
    made = changed(BoxSpec(technology="docker"), {"mem_limit": "64m"}, "isolation_boxes('docker')")
    assert (made.memory, made.options) == (64 * MIB, ())


@pytest.mark.parametrize(("asked", "both"), [(None, 64 * MIB), ("-1", -1), ("96m", 96 * MIB), ("32m", 64 * MIB)])
def test_memory_and_swap_together(asked: Any, both: int) -> None:
    """32m beside 16m of memory was right, until a check brought 64m."""
    assert swap_of(64 * MIB, asked) == both
