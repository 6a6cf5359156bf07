"""Boxes of control groups alone: limits applied, everything else shared, and both doors in the group."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_isolation import BoxSpec, Unavailable, Unsupported, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.outside.limits.exercised import MADV_POPULATE_WRITE, MAP_PRIVATE_ANON, PROT_RW
from pytest_isolation.technologies import technology
from tests.support import built_in_checks, need

ONE = technology("cgroup")
MIB = 1 << 20


@pytest.fixture
def spec() -> BoxSpec:
    return replace(need("cgroup"), memory=64 * MIB, pids=40, cpus=0.5)


def test_only_the_groups_are_its_own(run: Lifetime, spec: BoxSpec) -> None:
    with ONE.launch(spec, run) as box:
        for kind in ("pid", "mnt", "net", "ipc", "uts", "user", "cgroup", "time"):
            assert os.readlink(f"/proc/{box.parts.init_pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")
        places = {line.split(":", 2)[2] for line in Path(f"/proc/{box.parts.init_pid}/cgroup").read_text().splitlines()}
        assert box.parts.group is not None
        assert places == {f"/{box.parts.group.path}"}, "a group of its own on every hierarchy"


def test_limits(run: Lifetime, spec: BoxSpec) -> None:
    with ONE.launch(spec, run) as box:
        group = box.parts.group
        assert group is not None
        memory = group.file("memory", "memory.limit_in_bytes", "memory.max")
        pids = group.file("pids", "pids.max", "pids.max")
        assert memory is not None and int(memory.read_text()) == 64 * MIB
        assert pids is not None and int(pids.read_text()) == 40


@pytest.mark.parametrize("joins", [True, False])
def test_who_enters(run: Lifetime, spec: BoxSpec, joins: bool) -> None:
    asked = spec if joins else spec.weakened(weaken.drop("exec-group"))
    with ONE.launch(asked, run) as box:
        entered = box.enter()
        assert box.parts.group is not None
        assert (entered.getpid().value in box.parts.group.pids()) is joins


def test_identity(run: Lifetime, spec: BoxSpec) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user has one identity")
    with ONE.launch(replace(spec, uid=1234, gid=4321), run) as box:
        assert (box.proc.getuid().value, box.proc.getgid().value) == (1234, 4321)


def test_it_has_no_image(run: Lifetime, spec: BoxSpec) -> None:
    with pytest.raises(Unsupported, match="no image"):
        ONE.launch(replace(spec, image="/"), run)


def test_who_may_not_make_groups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cgroups, "hierarchies", lambda: {"unified": tmp_path / "none"})
    with pytest.raises(Unavailable, match=r"may not make control groups; run as root"):
        ONE.check_available(BoxSpec(technology="cgroup"))
    monkeypatch.setattr(cgroups, "hierarchies", dict)
    with pytest.raises(Unavailable, match="no control group file system is mounted"):
        ONE.check_available(BoxSpec(technology="cgroup"))


def test_who_fills_memory_with_files_is_ended_for_it(run: Lifetime, spec: BoxSpec) -> None:
    """Not a larger process beside it: that may be the box's first one, which ends the box."""
    promise, test = next(one for one in built_in_checks() if one[0].id == "cg.mem.tmpfs-charged")
    with ONE.launch(spec, run) as box, box.spawn() as larger:
        program = Program()
        room = program.mmap(0, 4 * MIB, PROT_RW, MAP_PRIVATE_ANON)
        filled = program.madvise(room, 4 * MIB, MADV_POPULATE_WRITE)
        assert larger.run(program)[filled].ok
        ran = run_property(promise, test, box, examples=2, seed=1)
        assert (ran.violation, ran.trouble, ran.unsupported) == (None, None, None)
        assert larger.alive
