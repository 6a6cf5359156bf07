"""The limits that a box was asked to have: another row than what a technology does with a limit of ours."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import Box, BoxSpec
from pytest_isolation.boxes import cgroups, resources
from pytest_isolation.boxes.process_limits import ProcessLimit
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.boxes.weakenings import RESOURCES as FURTHER_LIMITS
from pytest_isolation.boxes.weakenings import unlimited
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.outside.limits import asked
from pytest_isolation.outside.limits.asked_resources import is_as_asked, press_disk, weights_of
from pytest_isolation.outside.start.handed_in import swap_of_machine
from pytest_isolation.technologies import inspected, technology
from pytest_isolation.technologies.pool import Pool
from tests.owners import Owner, attached, owner, remove_group
from tests.support import built_in_checks, need

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="limits are for root")
CHECKS: dict[str, tuple[Guarantee, Callable[..., Any]]] = {one.id: (one, test) for one, test in built_in_checks()}
ASKED = {"memory": "cg.mem.as-asked", "pids": "cg.pids.as-asked", "cpus": "cg.cpu.as-asked"}
LIMITS: dict[str, Any] = {"memory": 64 * MIB, "pids": 32, "cpus": 0.3}


@pytest.fixture(scope="module")
def docker() -> Iterator[Owner]:
    with owner("docker") as made:
        yield made


def measured(id: str, box: Box) -> PropertyResult:
    promise, test = CHECKS[id]
    return run_property(promise, test, box, examples=2, seed=1, phases=PROVING)


def verdict(ran: PropertyResult) -> str:
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


def test_the_limits_of_processes_of_a_running_container_are_those_of_the_record(docker: Owner) -> None:
    """It holds where the host has what the record says, and no more; where that says nothing it is not asked."""
    limited = "--ulimit=nofile=64:128"
    with docker.running(limited, "--user=1000:1000") as name, attached(f"{docker.box}{name}") as box:
        assert verdict(measured("rlimit.as-asked", box)) == "holds"  # without CAP_SYS_RESOURCE, too
    with docker.running(limited) as name, attached(f"{docker.box}{name}") as box:
        assert verdict(measured("rlimit.as-asked", box)) == "holds"
        assert box.parts.init_pid is not None
        resource.prlimit(box.parts.init_pid, resource.RLIMIT_NOFILE, (128, 128))
        assert verdict(measured("rlimit.as-asked", box)) == "holds"  # its program's own choice
        resource.prlimit(box.parts.init_pid, resource.RLIMIT_NOFILE, (32, 64))
        ran = measured("rlimit.as-asked", box)
        assert ran.violation is not None
        assert ran.violation.observed["nofile"] == "asked for 128 at most, has 64"
    with docker.running() as name, attached(f"{docker.box}{name}") as box:
        assert verdict(measured("rlimit.as-asked", box)) == "unsupported"


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
    assert inspected.limits_of(record) == cgroups.Limits(cpus=0.5)
    record = {"Memory": 64 * MIB, "PidsLimit": 32, "NanoCpus": 250_000_000, "CpuQuota": 0}
    assert inspected.limits_of(record) == cgroups.Limits(memory=64 * MIB, pids=32, cpus=0.25)
    assert inspected.limits_of({"PidsLimit": None}) == cgroups.Limits()


def test_the_limits_of_processes_in_a_record() -> None:
    """Docker's names and Podman's; -1 is none."""
    record = {
        "Ulimits": [{"Name": "RLIMIT_NPROC", "Soft": -1, "Hard": -1}, {"Name": "nofile", "Soft": 64, "Hard": 128}]
    }
    assert inspected.process_limits_of(record) == (
        ProcessLimit("nofile", 64, 128),
        ProcessLimit("nproc", 2**64 - 1, 2**64 - 1),
    )
    assert inspected.process_limits_of({"Ulimits": None}) == ()


def test_a_disk_that_is_gone_is_no_limit_and_is_told() -> None:
    there = f"/dev/{os.path.basename(os.readlink(f'/sys/dev/block/{disk()}'))}"
    record = {"BlkioDeviceReadBps": [{"Path": "/dev/gone", "Rate": 1 << 20}, {"Path": there, "Rate": 2 << 20}]}
    found = inspected.resources_of(record)
    assert found[resources.READ_BYTES].split(" ")[1:] == [str(2 << 20)]
    (note,) = inspected.disks_gone(record)
    assert "/dev/gone" in note


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


# -- further limits: places, weights, swap, disks ------------------------------------------------------------------


def disk() -> str:
    """MAJOR:MINOR of the disk that the temporary directory is on."""
    number = os.stat(tempfile.gettempdir()).st_dev
    whole = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    whole = whole.parent if (whole / "partition").exists() else whole
    return (whole / "dev").read_text().strip()


def written_further() -> dict[str, str]:
    """What this kernel has a file for."""
    found = {
        resources.PROCESSORS: "1", resources.WEIGHT: "512", resources.OOM_SCORE: "321", resources.SHM: str(8 * MIB),
        resources.SWAP: str(96 * MIB), resources.RESERVATION: str(32 * MIB), resources.SWAPPINESS: "10",
        resources.READ_BYTES: f"{disk()} 1048576", resources.WRITE_BYTES: f"{disk()} 1048576",
        resources.READS: f"{disk()} 100", resources.WRITES: f"{disk()} 100", resources.DISK_WEIGHT: "300",
    }  # fmt: skip
    if cgroups.mode() == "v2":
        return {name: text for name, text in found.items() if name not in (resources.SWAPPINESS, resources.DISK_WEIGHT)}
    return found


RESOURCES = sorted(
    one for one in CHECKS if one.endswith("-as-asked") and one not in ("cg.parent-as-asked", "cg.mem.oom-kill-as-asked")
)


@pytest.fixture(scope="module")
def limited(pool: Pool) -> Box:
    """A box that was asked to have all further limits that this kernel has, and has them."""
    asked = tuple(sorted(written_further().items()))
    return pool.box(BoxSpec(technology="namespaces", memory=64 * MIB, resources=asked))


ALONE = ("cg.mem.oom-kill-as-asked", "cg.parent-as-asked")
"""What no box of ours is asked to have."""
LEFT_OUT = ("cg.io.weight-as-asked",)
"""What the engines here say that this kernel has not, and have no record of then."""
PARENT = "/pytest-isolation-asked"


@pytest.fixture
def parent() -> Iterator[str]:
    """A group that an engine makes and leaves, with those that Podman has in it for its monitors."""
    yield PARENT
    remove_group(PARENT)


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_an_attached_container_is_judged_by_all_that_its_record_says(name: str, parent: str) -> None:
    place = f"/dev/{os.path.basename(os.readlink(f'/sys/dev/block/{disk()}'))}"
    words = (
        "--memory=64m", "--cpuset-cpus=1", "--cpu-shares=512", "--memory-swap=96m", "--memory-reservation=32m",
        "--oom-score-adj=321", f"--device-read-bps={place}:1mb", f"--device-write-bps={place}:1mb",
        f"--device-read-iops={place}:100", f"--device-write-iops={place}:100", f"--cgroup-parent={parent}",
        "--shm-size=8m",
    )  # fmt: skip
    ids = [one for one in (*RESOURCES, *ALONE) if one not in LEFT_OUT]
    if cgroups.mode() == "v2":
        ids = [one for one in ids if one not in ("cg.mem.oom-kill-as-asked", "cg.mem.swappiness-as-asked")]
    else:
        words += ("--oom-kill-disable", "--memory-swappiness=10")
    with owner(name) as theirs, theirs.running(*words) as box_name, attached(f"{theirs.box}{box_name}") as box:
        assert {one: verdict(measured(one, box)) for one in ids} == dict.fromkeys(ids, "holds")
        # What the engine has in its record, and the host has no more.
        group = box.parts.group
        assert group is not None
        if group.file("cpu", "cpu.shares", "cpu.weight") == group.places.get("cpu", Path()) / "cpu.shares":
            (group.places["cpu"] / "cpu.shares").write_text("1024")
            (group.places["cpuset"] / "cpuset.cpus").write_text("0-1")
            assert verdict(measured("cg.cpu.weight-as-asked", box)) == "violated"
            assert verdict(measured("cg.cpuset.cpus-as-asked", box)) == "violated"


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_who_asked_for_nothing_further_is_told_so(name: str) -> None:
    with owner(name) as theirs, theirs.running() as box_name, attached(f"{theirs.box}{box_name}") as box:
        told = {one: verdict(measured(one, box)) for one in (*RESOURCES, *ALONE)}
        assert told == dict.fromkeys(told, "unsupported")


def test_what_is_not_applied_is_told_of_a_box_of_ours(pool: Pool) -> None:
    asked = tuple(sorted(written_further().items()))
    spec = BoxSpec(technology="namespaces", memory=64 * MIB, resources=asked).weakened(*map(unlimited, FURTHER_LIMITS))
    told = {one: verdict(measured(one, pool.box(spec))) for one in RESOURCES}
    assert told == dict.fromkeys(RESOURCES, "violated")


@pytest.mark.parametrize("name", [resources.READ_BYTES, resources.WRITES])
def test_a_disk_without_a_limit_is_seen_to_have_none(name: str, pool: Pool) -> None:
    """Pressed as if there were one: what the check compares is far from what it wants."""
    limit = 1 << 20 if name == resources.READ_BYTES else 100
    pace = press_disk(pool.box(BoxSpec(technology="namespaces")), name, disk(), limit)
    assert pace is not None
    assert pace.seconds < pace.amount / limit / 2


def test_weights_of_version_2() -> None:
    """https://github.com/kubernetes/kubernetes/issues/131216: 1024 shares were 39, and are 100."""
    assert weights_of(1024) == {39, 100}
    assert weights_of(2) == {1}
    assert weights_of(262144) == {10000}


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        ("300", True), ("default 300", True), ("default 300 8:0 100", True), ("default 2930", True),
        ("default 100, default 300", True), ("default 100 8:0 300", False), ("default 100", False), ("8:0 300", False),
        ("default 3000", False),
    ],
)  # fmt: skip
def test_the_weight_among_who_wants_disks(found: str, kept: bool, pool: Pool) -> None:
    """Without BFQ, runc and crun write to io.weight of version 2 another number: 2930 for 300."""
    box = pool.box(BoxSpec(technology="namespaces"))
    assert is_as_asked(box, resources.DISK_WEIGHT, "300", found) is kept


def test_a_limit_that_takes_minutes_is_not_pressed(pool: Pool) -> None:
    box = pool.box(BoxSpec(technology="namespaces"))
    assert press_disk(box, resources.WRITE_BYTES, disk(), 512) is None


def test_memory_bounds_swap_as_well_on_a_machine_that_has_none(pool: Pool) -> None:
    """As an engine leaves it where nothing can be swapped: the host's file of that has no limit."""
    with pool.launch(BoxSpec(technology="namespaces", memory=64 * MIB)) as box:
        if swap_of_machine(box):
            pytest.skip("this machine has swap")
        group = box.parts.group
        assert group is not None
        for file in resources.files(group, resources.SWAP):
            file.write_text("-1" if "memory" in group.places else "max")
        assert verdict(measured("cg.swap.bounded", box)) == "holds"


NO_FILE = ("cg.mem.swappiness-as-asked", "cg.io.weight-as-asked") if cgroups.mode() == "v2" else ()
"""What limited() was not asked to have."""


@pytest.mark.parametrize("id", RESOURCES)
def test_a_further_limit_that_was_asked_for_is_there(id: str, limited: Box) -> None:
    ran = measured(id, limited)
    assert verdict(ran) == ("unsupported" if id in NO_FILE else "holds"), (ran.violation, ran.unsupported)
