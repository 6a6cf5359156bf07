"""The box beside an attached container stands where its real neighbours stand."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import Box, Unsupported
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.outside.network.addresses import near, of_box, of_machine_beside
from pytest_isolation.suite.plan import meets_a_sibling
from pytest_isolation.technologies import attach
from tests.owners import Owner, attached, owner
from tests.support import built_in_checks

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="attaching is for root")
CHECKS: dict[str, tuple[Guarantee, Callable[..., Any]]] = {one.id: (one, test) for one, test in built_in_checks()}


@pytest.fixture(scope="module", params=["docker", "podman"])
def theirs(request: pytest.FixtureRequest) -> Iterator[Owner]:
    with owner(request.param) as made:
        yield made


@contextmanager
def network(theirs: Owner, subnet: int, *options: str, first: str = "") -> Iterator[str]:
    """`first`: how its name begins, by which engines order the networks of a container."""
    name = f"{first}owners-{secrets.token_hex(4)}"
    theirs("network", "create", f"--subnet=10.213.{subnet}.0/24", *options, name)
    try:
        yield name
    finally:
        theirs("network", "rm", name)


@pytest.fixture
def docker() -> Iterator[Owner]:
    with owner("docker") as made:
        yield made


def verdict(id: str, box: Box) -> str:
    ran = run_property(*CHECKS[id], box, examples=2, seed=1, phases=PROVING)
    assert ran.trouble is None, ran.trouble
    return "violated" if ran.violation else "unsupported" if ran.unsupported else "holds"


def namespace(box: Box, kind: str) -> str:
    return os.readlink(f"/proc/{box.parts.init_pid}/ns/{kind}")


def test_it_is_on_the_same_network_and_on_no_other(theirs: Owner) -> None:
    with (
        network(theirs, 11) as one,
        network(theirs, 12),
        theirs.running(f"--network={one}") as name,
        attached(f"{theirs.box}{name}") as box,
    ):
        assert box.parts.address is not None
        assert box.sibling.parts.address is not None
        assert box.parts.address.rpartition(".")[0] == "10.213.11"
        assert box.sibling.parts.address.rpartition(".")[0] == "10.213.11"
        assert namespace(box.sibling, "net") != namespace(box, "net")
        # From the engine's default network nothing would be reached, and the row would hold.
        assert verdict("net.bridge-icc", box) == "violated"


def test_it_is_on_every_network_that_the_box_is_on(theirs: Owner) -> None:
    with network(theirs, 13) as one, network(theirs, 14) as other:
        words = (f"--network={one}",) if theirs.argv[0] == "docker" else (f"--network={one},{other}",)
        with theirs.running(*words) as name:
            if theirs.argv[0] == "docker":
                theirs("network", "connect", other, name)
            with attached(f"{theirs.box}{name}") as box:
                routes = Path(f"/proc/{box.sibling.parts.init_pid}/net/fib_trie").read_text()
                assert "10.213.13." in routes
                assert "10.213.14." in routes


def test_of_two_networks_the_one_that_lets_through_decides(docker: Owner) -> None:
    """red: only the first address of the sibling's was asked for, and the first network lets nothing through."""
    closed = "--opt=com.docker.network.bridge.enable_icc=false"
    with (
        network(docker, 15, closed, first="a-") as shut,
        network(docker, 16, first="b-") as other,
        docker.running(f"--network={shut}") as name,
    ):
        docker("network", "connect", other, name)
        with attached(f"{docker.box}{name}") as box:
            assert box.sibling.parts.address is not None
            assert box.sibling.parts.address.startswith("10.213.15.")
            assert of_box(box)[0] == box.parts.address
            assert {address.rpartition(".")[0] for address in of_box(box)} == {"10.213.15", "10.213.16"}
            assert sorted(near(box)) == sorted(of_box(box))
            assert verdict("net.bridge-icc", box) == "violated"
            assert verdict("net.sibling-datagrams", box) == "violated"


def test_a_network_without_a_way_out_leads_to_the_host_and_takes_a_neighbours_address(docker: Owner) -> None:
    """red: addresses of the network's own were not tried, which its rules let through, nor the bridge's address.

    Engines after 20.10 give such a container no gateway, so it is taken away.
    """
    with (
        network(docker, 17, "--internal") as inner,
        docker.running(f"--network={inner}") as name,
        attached(f"{docker.box}{name}") as box,
    ):
        there = f"--net=/proc/{box.parts.init_pid}/ns/net"
        subprocess.run(["nsenter", there, "ip", "route", "del", "default"], capture_output=True, check=False)
        lines = Path(f"/proc/{box.parts.init_pid}/net/route").read_text().splitlines()[1:]
        assert [line.split()[2] for line in lines] == ["00000000"], "there is a gateway left"
        assert of_machine_beside(box) == ["10.213.17.1"]
        assert verdict("net.host-services-by-gateway", box) == "violated"
        assert verdict("net.address-spoof-denied", box) == "violated"
        assert verdict("net.lan-unreachable", box) == "holds"


def test_a_network_that_the_host_is_not_on_leads_nowhere() -> None:
    """Podman's, without a way out, as its network backend makes it: with the host's address in it, or without."""
    with (
        owner("podman") as theirs,
        network(theirs, 18, "--internal") as inner,
        theirs.running(f"--network={inner}") as name,
        attached(f"{theirs.box}{name}") as box,
    ):
        leads = "violated" if of_machine_beside(box) else "holds"
        assert verdict("net.host-services-by-gateway", box) == leads


def test_a_box_without_a_network_has_neighbours_without_one(theirs: Owner) -> None:
    with theirs.running("--network=none") as name, attached(f"{theirs.box}{name}") as box:
        assert box.sibling.parts.address is None
        assert verdict("net.bridge-icc", box) == "holds"


def test_what_a_third_one_has_is_joined_and_its_own_is_not(theirs: Owner) -> None:
    with theirs.running("--ipc=shareable", "--network=none") as third:
        joined = (f"--network=container:{third}", f"--pid=container:{third}", f"--ipc=container:{third}")
        with theirs.running(*joined) as name, attached(f"{theirs.box}{name}") as box:
            for kind in ("net", "pid", "ipc"):
                assert namespace(box.sibling, kind) == namespace(box, kind), kind
            assert namespace(box.sibling, "mnt") != namespace(box, "mnt")
            assert verdict("pid.siblings-hidden", box) == "violated"
        with attached(f"{theirs.box}{third}") as box:  # nobody is in it any more
            for kind in ("net", "pid", "ipc"):
                assert namespace(box.sibling, kind) != namespace(box, kind), kind


def test_its_own_is_joined_where_a_neighbour_has(theirs: Owner) -> None:
    with (
        theirs.running("--network=none") as first,
        theirs.running(f"--network=container:{first}"),
        attached(f"{theirs.box}{first}") as box,
    ):
        assert namespace(box.sibling, "net") == namespace(box, "net")
        assert namespace(box.sibling, "pid") != namespace(box, "pid")


def test_a_place_that_cannot_be_had_is_unsupported() -> None:
    """The third container has ended meanwhile: its namespaces live on in the box, and nobody else can join them."""
    with owner("docker") as theirs:
        third = theirs("create", "--interactive", "--pull=never", "--network=none", theirs.image, "/agent")
        theirs("start", third)
        try:
            with theirs.running(f"--network=container:{third}") as name, attached(f"{theirs.box}{name}") as box:
                theirs("kill", third)
                with pytest.raises(
                    Unsupported, match=r"no box of ours can stand where its neighbours do \(net container"
                ):
                    _ = box.sibling
        finally:
            theirs("rm", "--force", third)


def test_beside_a_process_nothing_holds_that_is_about_a_neighbour() -> None:
    """What its neighbours share with it is recorded nowhere: a plain box may break it, and not show that it holds."""
    about = {promise.id for promise, test in CHECKS.values() if meets_a_sibling(test) and not promise.box}
    own = [promise.id for promise, _ in CHECKS.values() if not promise.box]
    assert about == {id for id in own if any(fnmatch(id, one) for one in attach.NEIGHBOURS.guarantees)}
    assert attach.NEIGHBOURS.invalidates_verdict("net.bridge-icc", "holds")
    assert not attach.NEIGHBOURS.invalidates_verdict("net.bridge-icc", "violated")
