"""The limits that a box was asked to have: another row than what a technology does with a limit of ours."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_isolation import Box, BoxSpec
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import PROVING, Ran, run_property
from pytest_isolation.outside import asked
from pytest_isolation.technologies import inject, technology
from pytest_isolation.technologies.pool import Pool
from tests.owners import Owner, attached, owner
from tests.support import built_in_checks, need

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="limits are for root")
CHECKS: dict[str, tuple[Guarantee, Callable[..., Any]]] = {one.id: (one, test) for one, test in built_in_checks()}
ASKED = {"memory": "cg.mem.as-asked", "pids": "cg.pids.as-asked", "cpus": "cg.cpu.as-asked"}
LIMITS: dict[str, Any] = {"memory": 64 * MIB, "pids": 32, "cpus": 0.3}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    lifetime = Lifetime()
    made = Pool(lifetime)
    yield made
    made.close()
    lifetime.close()


@pytest.fixture(scope="module")
def docker() -> Iterator[Owner]:
    with owner("docker") as made:
        yield made


def measured(id: str, box: Box) -> Ran:
    promise, test = CHECKS[id]
    return run_property(promise, test, box, examples=2, seed=1, phases=PROVING)


def verdict(ran: Ran) -> str:
    assert ran.trouble is None, ran.trouble
    return "violated" if ran.violation else "unsupported" if ran.unsupported else "holds"


@pytest.mark.parametrize("what", ASKED)
def test_none_asked_for_never_holds(what: str, pool: Pool) -> None:
    ran = measured(ASKED[what], pool.box(BoxSpec(technology="namespaces")))
    assert verdict(ran) == "unsupported"
    assert asked.NOTHING_ASKED in str(ran.unsupported)


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("name", ["namespaces", "cgroup", "lxc", "runc"])
def test_what_was_asked_for_is_there(name: str, what: str, pool: Pool) -> None:
    need(name)
    assert verdict(measured(ASKED[what], pool.box(BoxSpec(technology=name, **LIMITS)))) == "holds"


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("name", ["host", "bubblewrap", "nspawn"])
def test_who_applies_no_limit_is_told(name: str, what: str, pool: Pool) -> None:
    need(name)
    assert verdict(measured(ASKED[what], pool.box(BoxSpec(technology=name, **LIMITS)))) == "violated"


def test_an_attached_container_is_judged_by_the_engines_record(docker: Owner) -> None:
    limits = ("--memory=64m", "--pids-limit=32", "--cpus=0.5")
    with docker.running(*limits) as name, docker.left_alone(name), attached(f"{docker.box}{name}") as box:
        assert {one: verdict(measured(one, box)) for one in ASKED.values()} == dict.fromkeys(ASKED.values(), "holds")
        assert technology("docker").facts(box.spec)["cgroup"] in ("v1", "v2")


def test_an_attached_container_without_limits_says_so(docker: Owner) -> None:
    with docker.running() as name, attached(f"{docker.box}{name}") as box:
        told = [measured(one, box) for one in ASKED.values()]
        assert [verdict(ran) for ran in told] == ["unsupported"] * 3
        assert all("start it with one" in str(ran.unsupported) for ran in told)


def test_a_limit_that_the_engine_has_and_the_host_has_not(docker: Owner) -> None:
    """As an engine that passes over what it cannot apply: the record says 64 MiB, the group has none."""
    with (
        docker.running("--memory=64m", "--pids-limit=32", "--cpus=0.5") as name,
        attached(f"{docker.box}{name}") as box,
    ):
        group = box.parts.group
        assert group is not None
        for names, none in (
            (("memory", "memory.memsw.limit_in_bytes", "memory.swap.max"), "-1"),
            (("memory", "memory.limit_in_bytes", "memory.max"), "-1"),
            (("pids", "pids.max", "pids.max"), "max"),
            (("cpu", "cpu.cfs_quota_us", "cpu.max"), "-1"),
        ):
            file = group.file(*names)
            if file is not None and file.exists():
                file.write_text(
                    "max" if none == "-1" and "unified" in group.places and len(group.places) == 1 else none
                )
        assert [verdict(measured(one, box)) for one in ASKED.values()] == ["violated"] * 3


def test_the_limit_bites_in_a_box_of_somebody_else_only_where_its_owner_allows_it(docker: Owner) -> None:
    with docker.running("--pids-limit=32") as name:
        for allowed in ("", ",intrusive=true"):
            with attached(f"{docker.box}{name}{allowed}") as box:
                assert box.parts.group is not None
                refusals = box.parts.group.file("pids", "pids.events", "pids.events")
                assert verdict(measured("cg.pids.as-asked", box)) == "holds"
                assert refusals is not None
                assert (int(refusals.read_text().split()[1]) > 0) is bool(allowed)


def test_the_record_of_an_engine() -> None:
    record = {"Memory": 0, "PidsLimit": -1, "NanoCpus": 0, "CpuQuota": 50_000, "CpuPeriod": 0}
    assert inject.recorded(record) == cgroups.Limits(cpus=0.5)
    record = {"Memory": 64 * MIB, "PidsLimit": 32, "NanoCpus": 250_000_000, "CpuQuota": 0}
    assert inject.recorded(record) == cgroups.Limits(memory=64 * MIB, pids=32, cpus=0.25)
    assert inject.recorded({"PidsLimit": None}) == cgroups.Limits()


def test_who_enters_a_full_box(pool: Pool) -> None:
    """The kernel never refuses to move a process into a group: a box of namespaces lets in whom it counts."""
    promise, test = CHECKS["cg.exec-at-limit"]
    box = pool.box(BoxSpec(technology="namespaces", **promise.box))
    ran = run_property(promise, test, box, examples=2, seed=1, phases=PROVING)
    assert ran.violation is not None
    assert ran.violation.observed["before"] == promise.box["pids"]
    joined = CHECKS["cg.exec-joins"]
    assert verdict(run_property(*joined, box, examples=2, seed=1, phases=PROVING)) == "holds"


def test_a_box_that_cannot_be_filled_decides_nothing(pool: Pool) -> None:
    """Without a receipt that the box was full, a refusal to enter would say nothing."""
    promise, test = CHECKS["cg.exec-at-limit"]
    box = pool.box(BoxSpec(technology="host", **promise.box))
    ran = run_property(promise, test, box, examples=2, seed=1, phases=PROVING)
    assert verdict(ran) == "unsupported"


def test_a_refusal_by_something_else_than_the_limit_decides_nothing(pool: Pool) -> None:
    """RLIMIT_AS of the process that asks: the group's limit was never come near to."""
    promise, _ = CHECKS["cg.mem.enforced"]
    with pool.launch(BoxSpec(technology="namespaces", **promise.box)) as box:
        pid = box.parts.init_pid
        assert pid is not None
        resource.prlimit(pid, resource.RLIMIT_AS, (8 * MIB, 8 * MIB))
        for id in ("cg.mem.enforced", "cg.mem.oom-contained"):
            ran = measured(id, box)
            assert verdict(ran) == "unsupported"
            assert "far below its limit" in str(ran.unsupported)
