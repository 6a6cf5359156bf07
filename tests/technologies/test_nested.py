"""A box in a box, with real ones: where it stands, what it is asked, and what is said where the outer one refuses."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_isolation import Box, BoxSpec, Unavailable, Unsupported, Volume
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology
from tests.proc import namespace
from tests.support import built_in_checks, need

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the outer boxes of these tests want root")
NAMES = "lxc.mount.auto = proc:rw"
"""So that a user namespace in LXC's box may mount a /proc of its own: mount_namespaces(7), user_namespaces(7)."""


def launched(run: Lifetime, text: str) -> Box:
    spec = parse(text)
    for name in (str(spec.option("inner")), str(spec.option("outer"))):
        need(name)
    return technology("nested").launch(spec, run)


def test_it_stands_in_both(run: Lifetime) -> None:
    """Its first process has a namespace of each, and what made the inner one is none of its processes."""
    with launched(run, "bubblewrap@nspawn") as box:
        first = box.parts.init_pid
        assert first is not None
        chain = next(line for line in Path(f"/proc/{first}/status").read_text().splitlines() if line[:5] == "NSpid")
        assert len(chain.split()) == 4  # the host's, the outer one's, its own
        assert namespace(first, "user") != namespace("self", "user")
        with box.spawn() as child:
            assert box.parts.group is not None
            inside = box.parts.group.pids()
            assert {namespace(pid, "pid") for pid in inside} == {namespace(first, "pid")}
            assert len(inside) == 2, "itself and the child"
            child.getpid()


def test_of_a_kernel_of_its_own_the_group_has_no_more_than_that(run: Lifetime) -> None:
    """gVisor's: the host has no number of its first process, and the agents that lead there are none of its."""
    with launched(run, "gvisor@nspawn:rootless=true") as box:
        assert box.parts.group is not None and box.parts.init_pid is None
        names = {os.path.basename(os.readlink(f"/proc/{pid}/exe")) for pid in box.parts.group.pids()}
        assert names and not any("agent" in name or name == "cat" for name in names)


def test_limits_are_the_outer_ones_to_keep(run: Lifetime) -> None:
    """bubblewrap has none."""
    with launched(run, f'bubblewrap@lxc:pids=24,outer.config="{NAMES}"+') as box:
        assert box.parts.group is not None
        made = []
        while (child := box.proc.try_spawn()[0]) is not None and len(made) < 40:
            made.append(child)
        assert 5 < len(made) < 24


@pytest.mark.parametrize(
    ("limit", "raised", "said"),
    [
        ("outer.memory=256M", Unavailable, "does not let bubblewrap start in it"),
        ("cpus=1", Unavailable, "does not let bubblewrap start in it"),
        ("pids=24", Unsupported, "may have no room"),
    ],
)
def test_a_limit_is_the_cause_only_where_it_was_meant_for_the_inner_one(
    run: Lifetime, limit: str, raised: type[Exception], said: str
) -> None:
    """Here it never is: Docker's filter refuses."""
    with pytest.raises(raised, match=said):
        launched(run, f"bubblewrap@docker:{limit}")


def test_a_volume_goes_through_both(run: Lifetime) -> None:
    from dataclasses import replace

    need("nspawn"), need("bubblewrap")
    volumes = (Volume(target="/data"), Volume(target="/fixed", read_only=True))
    with technology("nested").launch(replace(parse("bubblewrap@nspawn"), volumes=volumes), run) as box:
        box.write_file("/data/here", b"from inside")
        assert (box.parts.volumes["/data"] / "here").read_bytes() == b"from inside"
        (box.parts.volumes["/fixed"] / "there").write_bytes(b"from outside")
        assert box.read_file("/fixed/there") == b"from outside"
        assert box.proc.openat(AT_FDCWD, "/fixed/there", os.O_WRONLY).errno == 30  # EROFS


def test_the_host_has_nothing_of_it_afterwards(run: Lifetime) -> None:
    with launched(run, "bubblewrap@nspawn") as box:
        first = box.parts.init_pid
        group = box.parts.group
    assert first is not None and not Path(f"/proc/{first}").exists()
    assert group is not None and not any(place.exists() for place in group.places.values())


def test_where_the_outer_one_refuses_it_says_so_in_a_sentence(run: Lifetime) -> None:
    with pytest.raises(Unavailable) as caught:
        launched(run, "bubblewrap@docker").close()
    said = str(caught.value)
    assert said.startswith("docker, as it is started here, does not let bubblewrap start in it: bwrap did not start")
    assert "outer.cap_add=SYS_ADMIN" in said
    assert "\n" not in said


def test_docker_lets_it_where_it_is_opened(run: Lifetime) -> None:
    with launched(run, "bubblewrap@docker:outer.security_opt=seccomp=unconfined+systempaths=unconfined") as box:
        assert box.proc.getpid().value == 1
        assert box.parts.group is not None and "docker" in box.parts.group.path


def test_what_the_inner_one_has_not_is_unsupported(run: Lifetime) -> None:
    """Though its start would fail as well: it is told before, and the row is none that decides nothing."""
    with pytest.raises(Unsupported, match=r"^runc in nspawn: a rootless runc box has one user, root;"):
        launched(run, "runc@nspawn:rootless=true,uid=1000").close()


OPENED = "outer.cap_add=SYS_ADMIN+NET_ADMIN,outer.security_opt=seccomp=unconfined+systempaths=unconfined"
HOME = "outer.tmpfs='/home/isolation-tests:mode=1777,exec'+"
"""Of the first account that has further ids: Podman keeps its images there, and on Docker's overlay it cannot."""


@pytest.mark.parametrize(
    "text",
    [
        f"runc@docker:rootless=true,{OPENED}",
        f"podman@docker:rootless=true,network=none,{OPENED},{HOME}",
        'gvisor@lxc:outer.config="lxc.mount.auto = cgroup:rw:force"+',
    ],
    ids=lambda text: text.partition(":")[0],
)
def test_it_starts_where_the_outer_one_is_opened(run: Lifetime, text: str) -> None:
    """With a PID namespace of its own: of gVisor the host has no number."""
    with launched(run, text) as box:
        assert box.proc.getpid().value == 1
        first, group = box.parts.init_pid, box.parts.group
        assert group is not None and group.pids()
        if first is not None:
            assert namespace(first, "pid") != namespace("self", "pid")
        assert box.parts.shares_kernel is not text.startswith("gvisor")


ASKED = ("pid.host-processes-hidden", "net.host-interfaces-hidden", "uts.hostname-isolated")


@pytest.mark.parametrize(
    ("text", "broken"),
    [("bubblewrap@nspawn", set()), ("chroot@nspawn", {"net.host-interfaces-hidden"})],
)
def test_a_row_is_decided_by_the_host_of_the_outer_one(run: Lifetime, text: str, broken: set[str]) -> None:
    """And a box that shares what the outer one shares with the host, nspawn its network, shows it: the control."""
    checks = [(promise, test) for promise, test in built_in_checks() if promise.id in ASKED]
    with launched(run, text) as box:
        box.launch = technology_of_nested(run)
        box.lifetime = run
        ran = {promise.id: run_property(promise, test, box, examples=3, seed=1) for promise, test in checks}
    assert {name for name, one in ran.items() if one.violation} == broken
    assert [one.trouble for one in ran.values() if one.trouble] == []


def technology_of_nested(run: Lifetime) -> Callable[[BoxSpec], Box]:
    return lambda spec: technology(spec.technology).launch(spec, run)
