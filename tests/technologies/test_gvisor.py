"""gVisor: platforms, networks, what is inside, both doors, and that it is gVisor."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation import BoxError, Unsupported, UsageError
from pytest_isolation.agent.client import Agent
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.roads import TREE
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.limits.exercised import group_of
from pytest_isolation.outside.transfer.handed_tree import ASPECTS, differing
from pytest_isolation.technologies import identity, technology
from pytest_isolation.technologies.gvisor import GVisor, platforms
from tests.support import built_in_checks, need, new_pool

ONE = technology("gvisor")


@pytest.fixture(autouse=True)
def _there() -> None:
    need("gvisor")


def test_the_kernel_inside_is_its_own(run: Lifetime) -> None:
    with ONE.launch(parse("gvisor"), run) as box:
        release, version = identity.kernel(box.proc)
        assert (release, version) != (os.uname().release, os.uname().version)
        assert b"gVisor" in box.proc.syslog(3, 65536).data
        assert not box.parts.shares_kernel
        assert box.parts.init_pid is None
        assert box.proc.getpid().value == 1
        assert box.enter().getpid().value > 1


def test_unshares_0_is_no_namespace(run: Lifetime) -> None:
    """It answers 0 to flags of nothing: no check may take that for a namespace (docs/technologies/gvisor.md)."""
    nothing, user_and_mounts = 0x1, 0x1002_0000
    with ONE.launch(parse("gvisor"), run) as box:
        for flags in (nothing, user_and_mounts):
            with box.spawn() as proc:
                before = proc.readlinkat(AT_FDCWD, "/proc/self/ns/user").data
                assert proc.unshare(flags).ok
                assert proc.readlinkat(AT_FDCWD, "/proc/self/ns/user").data == before
        promise, check = next(one for one in built_in_checks() if one[0].id == "mnt.userns-mount-denied")
        ran = run_property(promise, check, box, examples=10, seed=1)
    assert (ran.violation, ran.trouble, ran.unsupported) == (None, None, None), "the effect decides"


def test_a_box_at_its_limit_is_not_entered(run: Lifetime) -> None:
    """Whoever enters may be the process too many, which ends the box: that is said, and not tried."""
    with ONE.launch(parse("gvisor:memory=256M,pids=200"), run) as box:
        with pytest.raises(Unsupported, match="a limit that is met ends the whole box"):
            box.entered  # noqa: B018
        assert box.alive


def test_a_host_kernel_is_not_gvisor() -> None:
    with start_local() as local, pytest.raises(BoxError, match="inside is this host's kernel"):
        identity.check_gvisor(local.agent, "gvisor")


def test_another_kernel_is_not_gvisor(run: Lifetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box whose uname(2) is another and whose log is silent, as a VM's."""
    fake: Any = SimpleNamespace(sysname="Linux", nodename="x", release="1.2.3", version="#1", machine="x86_64")
    with start_local() as local:
        monkeypatch.setattr(os, "uname", lambda: fake)
        with pytest.raises(BoxError, match="its kernel log does not say so"):
            identity.check_gvisor(local.agent, "gvisor")


def test_the_host_sees_none_of_its_processes(run: Lifetime) -> None:
    with ONE.launch(parse("gvisor"), run) as box, box.spawn():
        assert box.parts.group is not None
        names = {Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] for pid in box.parts.group.pids()}
    assert b"/agent" not in names
    assert names, "the sandbox is in the box's group"


def test_the_platform_is_tried(run: Lifetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that starts a box; the next box does not try again."""
    monkeypatch.setattr("pytest_isolation.technologies.gvisor.platforms", lambda path: ("systrap", "ptrace"))
    with ONE.launch(parse("gvisor"), run) as box:
        told = box.parts.measured["platform"]
    assert run.kept["gvisor platform"] == told
    assert run.kept["gvisor platform"] in platforms(GVisor().path())


def test_a_platform_it_has_not() -> None:
    with pytest.raises(UsageError, match=r"platform=xen: this runsc has .*ptrace"):
        ONE.check_available(parse("gvisor:platform=xen"))


def test_networks(run: Lifetime) -> None:
    with pytest.raises(UsageError, match="network=bridge: gvisor has none or host"):
        ONE.check_available(parse("gvisor:network=bridge"))
    with ONE.launch(parse("gvisor:network=host"), run) as box:
        assert box.alive


def test_limits_that_would_end_it_are_not_asked_about(run: Lifetime) -> None:
    with ONE.launch(parse("gvisor:memory=256M"), run) as box, pytest.raises(Unsupported, match="ends the whole box"):
        group_of(box)
    with ONE.launch(parse("gvisor"), run) as box:
        assert group_of(box).tasks() > 1


def test_its_own_words(run: Lifetime) -> None:
    with pytest.raises(BoxError, match=r"runsc run ended with \d+; it said: .+"):
        ONE.launch(parse("gvisor:workdir=/nowhere,pids=2"), run)


def test_the_shared_kernel_is_shared() -> None:
    with start_local() as local:
        agent: Agent = local.agent
        identity.check_shared_kernel(agent, "runc")


def test_rootless(run: Lifetime) -> None:
    with ONE.launch(parse("gvisor:rootless=true"), run) as box:
        assert box.alive
        assert box.enter().getpid().ok
    assert ONE.facts(parse("gvisor:rootless=true"))["rootless"] is True


def test_a_fifo_that_it_leaves_out_decides_nothing_of_the_other_names(run: Lifetime) -> None:
    """red: nothing was known of a directory with one in it.  runsc(1): --host-fifo is "none"."""
    entries = [Entry(path=TREE, kind="dir"), Entry(path=TREE + b"/pipe", kind="fifo")]
    entries += [Entry(path=TREE + b"/file", kind="file", data=b"x", mode=0o4751, uid=7)]
    tree = Image(tuple(entries))
    with new_pool() as pool:
        box = pool.box(parse("gvisor"))
        assert {aspect.name: differing(box, aspect, [tree, tree]) for aspect in ASPECTS if aspect.name != "xattrs"} == {
            "links": {},
            "modes": {},
            "owners": {},
        }
