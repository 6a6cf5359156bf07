"""A machine beside the host gets into no port of the box that was not published."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network.addresses import near
from pytest_isolation.outside.network.listeners import Listening, bound, listening, new_token, sockaddr
from pytest_isolation.outside.network.neighbour import Neighbour, neighbour_of_host
from pytest_isolation.strategies import unprivileged_ports

promise = guarantee(
    "net.unpublished-unreachable",
    claim="a TCP port on which a process of the box listens, published nowhere, answers no neighbour of the "
    "host on the LAN: by no address of the link, by 127.0.0.1 or by one of the box's own IPv4 addresses",
    sources=("man:network_namespaces(7)", "docker:engine/network/packet-filtering-firewalls, direct routing"),
    severity=severity.neighbour("answers machines beside the host on unpublished ports"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    oracle="receipt",
    distinct="who asks: not a process of the host, but a machine beside it, which the host's filters treat otherwise",
)


@promise
@given(port=unprivileged_ports(), family=st.sampled_from([socket.AF_INET, socket.AF_INET6]))
def test_neighbour_gets_no_answer(box: Box, port: int, family: int) -> None:
    neighbour = neighbour_of_host(box)
    if any(inside.partition("/")[0] == str(port) for inside, _ in box.parts.published or ()):
        promise.undecided("the port drawn is one that was published")
    if family not in neighbour.host:
        promise.undecided("the host has no IPv6")
    with bound(box, family, sockaddr(neighbour.host[family], 0)) as open_port:
        promise.receipt(neighbour.is_answered(neighbour.host[family], open_port.port), "a listener of the host's own")
    asked = [(neighbour.host[family], port)]
    if family == socket.AF_INET:
        asked += [(address, port) for address in ("127.0.0.1", *near(box))]
    if any(neighbour.is_answered(*one) for one in asked):
        promise.undecided("somebody answers on the port drawn before the box listens there")
    with box.spawn() as proc:
        inside = listening(proc, family, port)
        promise.prepared(inside.reply, "a listener inside")
        answered, others = _heard(neighbour, inside, asked)
        if others and not answered:
            promise.undecided("somebody of the host has begun to listen on the port drawn: the box did not hear us")
        promise.require(not answered, inside.reply, answered=answered)


def _heard(neighbour: Neighbour, inside: Listening, ways: list[tuple[str, int]]) -> tuple[str, str]:
    """By which ways a neighbour comes to the listener in the box, and by which to somebody else's."""
    answered: list[str] = []
    others: list[str] = []
    for address, port in ways:
        token = new_token()
        with neighbour.calling(address, port, token) as taken:
            if taken:
                (answered if inside.heard(token) else others).append(f"{address}:{port}")
    return ", ".join(answered), ", ".join(others)
