"""A service on the host's loopback cannot be reached from inside."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.outside.network.listeners import bound, gateways, knock, sockaddr_in
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.host-loopback-unreachable",
    claim="no connection from inside arrives at a listener on the host's 127.0.0.1",
    sources=("man:network_namespaces(7)",),
    severity=severity.host("connects to the host's 127.0.0.1"),
    falsified_by=weaken.share("net"),
)
PLACES = ("127.0.0.1", "0.0.0.0", "the gateway")


@promise
@given(place=st.sampled_from(PLACES))
def test_host_loopback_is_unreachable(box: Box, place: str) -> None:
    """A gateway may hand on what it gets to the host's own loopback: some user mode networks do."""
    ways = [place] if place != "the gateway" else gateways(read(box.proc, "/proc/net/route").data)
    if not ways:
        promise.undecided("the box has no gateway to ask")
    with bound(box, socket.AF_INET, sockaddr_in("127.0.0.1", 0)) as service:
        for address in ways:
            tried = knock(box, sockaddr_in(address, service.port), service)
            promise.tried(tried.told[0], vain=NO_SOCKET)
            promise.require(not tried.arrived, *tried.told, by=address)
