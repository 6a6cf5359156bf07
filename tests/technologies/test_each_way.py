"""What a claim names is tried, and each way by itself finds the hole: a bare process of the host has them all."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from pytest_isolation import Box, Violation, weaken
from pytest_isolation.errors import Undecided
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.network.listeners import bound, listening, sockaddr
from pytest_isolation.outside.network.neighbour import neighbour_of_host
from pytest_isolation.outside.network.published import bound_to_one
from pytest_isolation.outside.objects.devices import block_nodes, disk_node
from pytest_isolation.outside.objects.mount_numbers import listed
from pytest_isolation.outside.start.called import PROXIES, Belongings
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = {promise.id: test for promise, test in built_in_checks()}


@pytest.fixture
def host(pool: Pool) -> Box:
    return pool.box(need("host"))


def belonging(token: str, kinds: dict[str, int]) -> Belongings:
    """Of a caller that has these descriptors open, and all the rest."""
    return Belongings(token=token, name="XTOKEN", arguments="", kinds=tuple(kinds.items()), first=100)


def body(id: str) -> Callable[..., None]:
    """One example of a check, with arguments of ours."""
    check: Any = CHECKS[id]
    inner: Callable[..., None] = check.hypothesis.inner_test
    return inner


@pytest.mark.parametrize("kind", ["process_vm", "mem", "ptrace"])
@pytest.mark.parametrize("does", ["read", "write"])
def test_memory_is_read_and_written_in_each_way(host: Box, kind: str, does: str) -> None:
    with pytest.raises(Violation) as told:
        body("pid.ptrace-cross-refused")(host, how=f"{kind} {does}", length=12)
    assert told.value.observed["written"] == (does == "write"), told.value.observed
    assert bool(told.value.observed["read"]) == (does == "read"), told.value.observed


@pytest.mark.parametrize("kind", ["directory", "file", "socket", "memfd"])
def test_each_kind_of_descriptor_is_found_under_its_number(pool: Pool, kind: str) -> None:
    """Where nobody closes it, and not where the launcher does."""
    check = body("fd.caller-descriptors-closed")
    token = f"pytest-isolation-each-way-{kind}"
    with pytest.raises(Violation) as told:
        check(pool.box(need("host")), callers=belonging(token, {kind: 70}))
    assert told.value.observed["left_open"] == f"{kind}: {told.value.observed['inside'].strip('[]')}"
    check(pool.box(need("namespaces")), callers=belonging(token, {kind: 70}))


def test_a_launcher_hands_on_what_it_does_not_close(pool: Pool) -> None:
    """bwrap(1) closes nothing; with --clearenv, which our boxes have, it hands on no variable."""
    box = pool.box(need("bubblewrap"))
    callers = belonging("pytest-isolation-bwrap", {"file": 5, "directory": 90})
    with pytest.raises(Violation):
        body("fd.caller-descriptors-closed")(box, callers=callers)
    body("env.caller-not-inherited")(box, callers=callers)
    body("env.proxy-not-inherited")(box, callers=callers)
    handing = pool.box(need("bubblewrap").weakened(weaken.drop("clear-env")))
    with pytest.raises(Violation) as told:
        body("env.caller-not-inherited")(handing, callers=callers)
    assert told.value.observed["found"] == "['XTOKEN']", "the proxies are another guarantee's"
    with pytest.raises(Violation) as told:
        body("env.proxy-not-inherited")(handing, callers=callers)
    assert told.value.observed["found"] == str([*PROXIES]), "and the variable is not a proxy"


@pytest.mark.parametrize("place", ["/data/disk", "/dev/below/disk", "/srv/a/b/disk"])
def test_a_disk_is_found_wherever_its_node_is(pool: Pool, host: Box, place: str) -> None:
    """It was looked for in /dev alone, and `--device /dev/sdb:/data/disk` held."""
    need("docker")
    with disk_node(host, b"pytest-isolation") as node:
        box = pool.box(parse(f"docker:devices={node}:{place}:r"))
        assert block_nodes(box) == [place]
        with pytest.raises(Violation):
            body("dev.nodes-closed")(box, length=16)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("id", ["net.only-declared-ports", "net.unpublished-unreachable"])
def test_a_port_is_asked_for_by_both_families_and_from_the_lan(host: Box, id: str, family: int) -> None:
    with pytest.raises(Violation):
        body(id)(host, port=64_321, family=family)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("id", ["net.only-declared-ports", "net.unpublished-unreachable"])
def test_a_listener_of_the_hosts_own_is_not_taken_for_the_boxs(
    pool: Pool, host: Box, monkeypatch: pytest.MonkeyPatch, id: str, family: int
) -> None:
    """It comes up when the port was found free: as that of another run does, which has drawn the same port."""
    check: Any = body(id)
    inside = check.__globals__["listening"]
    with ExitStack() as theirs:

        def late(proc: Any, family: int, port: int) -> Any:
            theirs.enter_context(bound(host, family, sockaddr("::" if family == socket.AF_INET6 else "0.0.0.0", port)))
            return inside(proc, family, port)

        monkeypatch.setitem(check.__globals__, "listening", late)
        with pytest.raises(Undecided, match="the host"):
            check(pool.box(need("namespaces")), port=64_322, family=family)


@pytest.mark.parametrize("served", [False, True], ids=["by our listener", "by a service of its own"])
@pytest.mark.parametrize("recorded", ["127.0.0.1", "127.7.8.9", "0.0.0.0"])
def test_a_port_meant_for_one_address_is_asked_for_at_all_others(pool: Pool, recorded: str, served: bool) -> None:
    """The hole of it: it was to be published on one address and is on every one."""
    need("docker")
    box = pool.box(parse("docker:ports=18480/tcp="))
    number = next(place.rpartition(":")[2] for _, place in box.parts.published)
    alone = bound_to_one([("18480/tcp", f"{recorded}:{number}")])
    asked: Any = body("net.publish-only-bound-ip").__globals__["_asked"]
    with box.spawn() as proc:
        if served:
            assert listening(proc, socket.AF_INET, 18_480).reply.ok
        for one in alone:
            with pytest.raises(Violation) as told:
                asked(box, neighbour_of_host(box), one, required=True)
            answered = str(told.value.observed["answered"])
            assert "the host by " in answered
            assert served or "a neighbour by 198." in answered
    assert bool(alone) == (recorded != "0.0.0.0")


def test_an_address_of_the_hosts_is_published_on_as_it_is_written(pool: Pool) -> None:
    """127.0.0.1:8080 as `docker run -p` takes it: it was handed on as the number of a port, and refused."""
    need("docker")
    box = pool.box(parse("docker:ports=18481/tcp=127.0.0.1:18481+18482/tcp=127.0.0.1:"))
    found = bound_to_one(box.parts.published)
    assert [(one.inside, one.address) for one in found] == [(18481, "127.0.0.1"), (18482, "127.0.0.1")]


@pytest.mark.parametrize(
    "written", ["docker:ports=18484/tcp=127.0.0.1:18484", "podman:publish=127.0.0.1:18485:18484"], ids=str
)
def test_a_box_with_a_port_of_the_host_has_a_sibling_and_a_control(pool: Pool, written: str) -> None:
    """Every row that needs one of these was inconclusive: the port is the first box's."""
    need(written.partition(":")[0])
    spec = parse(written)
    box = pool.box(spec)
    (first,) = bound_to_one(box.parts.published)
    (beside,) = bound_to_one(box.sibling.parts.published)
    assert (first.inside, first.address) == (beside.inside, beside.address)
    assert first.port != beside.port
    pool.box(spec.weakened(weaken.drop("seccomp")))
    joined = pool.box(spec.weakened(weaken.join_sibling("net")))
    assert joined.sibling.alive


def test_a_host_that_listens_on_loopback_alone_answers_no_neighbour(host: Box) -> None:
    """The witness tells an address of the LAN from the host's own loopback."""
    beside = neighbour_of_host(host)
    with bound(host, socket.AF_INET, sockaddr("127.0.0.1", 0)) as inner:
        assert not beside.is_answered(beside.host[socket.AF_INET], inner.port)
    with bound(host, socket.AF_INET, sockaddr("0.0.0.0", 0)) as outer:
        assert beside.is_answered(beside.host[socket.AF_INET], outer.port)


NEWEST: dict[str, tuple[str, list[dict[str, object]]]] = {
    "open_tree_attr": ("mnt.new-mount-api-denied", [{"source": "another", "which": 0, "newest": True}]),
    "handle of a process": (
        "pid.pidfd-cross-refused",
        [{"door": "handle", "act": act, "fd": 0} for act in ("signal", "getfd")],
    ),
    "handle of a namespace": ("pid.setns-host-refused", [{"link": "handle", "which": 0}]),
    "mounts by number": (
        "mnt.statmount-own",
        [
            {"which": 0, "by_namespace": by_namespace, "call": call}
            for by_namespace in (False, True)
            for call in ("statmount", "listmount")
        ],
    ),
}
"""Calls of Linux 6.8 to 6.18: the guarantee, and examples by that call alone."""


@pytest.mark.parametrize("name", NEWEST)
def test_the_newest_calls_are_doors_too(pool: Pool, host: Box, name: str) -> None:
    """Each leads out of a box that isolates nothing, and not out of one that does."""
    id, examples = NEWEST[name]
    if name == "mounts by number" and not listed(host.proc)[1].ok:
        pytest.skip("the kernel lists no mounts by their numbers")
    for example in examples:
        body(id)(pool.box(need("namespaces")), **example)
        with pytest.raises(Violation):
            body(id)(host, **example)
