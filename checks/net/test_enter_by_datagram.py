"""A machine beside the host sends no datagram to a port of the box that was not published."""

import socket
from errno import EACCES, EADDRINUSE

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network.addresses import near
from pytest_isolation.outside.network.lan import Lan, lan_of_host
from pytest_isolation.outside.network.listeners import new_token, sockaddr
from pytest_isolation.strategies import unprivileged_ports

promise = guarantee(
    "net.unpublished-datagrams",
    claim="a UDP port on which a process of the box waits, published nowhere, gets no datagram of a neighbour of the "
    "host on the LAN: by no address of the link, nor by one of the box's own IPv4 addresses",
    sources=("man:network_namespaces(7)", "docker:engine/network/packet-filtering-firewalls, direct routing"),
    severity=severity.neighbour("takes datagrams of machines beside the host"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    oracle="receipt",
    distinct="a port is published for each protocol by itself, and no answer is needed for a datagram to do its work",
)


@promise
@given(port=unprivileged_ports(), family=st.sampled_from([socket.AF_INET, socket.AF_INET6]))
def test_datagram_does_not_arrive(box: Box, port: int, family: int) -> None:
    lan = lan_of_host(box)
    if f"{port}/udp" in {inside for inside, _ in box.parts.published or ()}:
        promise.undecided("the port drawn is one that was published")
    if family not in lan.host:
        promise.undecided("the host has no IPv6")
    anywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"
    how = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    with box.outside.process() as host, box.spawn() as proc:
        own = host.proc.socket(family, how)
        promise.prepared(host.proc.bind(own.value, sockaddr(anywhere, 0)), "a port of the host to try with")
        number = int.from_bytes(host.proc.getsockname(own.value).data[2:4], "big")
        token = _sent(lan, [lan.host[family]], number)
        host.proc.ppoll([(own.value, 1)], 1.0)
        promise.receipt(token in host.proc.recvfrom(own.value, 200).data, "a socket of the host's own")
        inside = promise.prepared(proc.socket(family, how), "a socket inside")
        bound = proc.bind(inside.value, sockaddr(anywhere, port))
        if bound.errno in (EADDRINUSE, EACCES):
            promise.undecided("the port drawn cannot be had inside")
        promise.prepared(bound, "a port inside")
        ways = [lan.host[family]]
        if family == socket.AF_INET:
            ways += near(box)
        token = _sent(lan, ways, port)
        if proc.ppoll([(inside.value, 1)], 0.05).value <= 0:
            lan.settle(inward=True)
        promise.require(token not in proc.recvfrom(inside.value, 200).data, bound, by=", ".join(ways))


def _sent(lan: Lan, addresses: list[str], port: int) -> bytes:
    """A token, which the machine of the LAN has sent to this port of each."""
    token = new_token()
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sender = lan.proc.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        lan.proc.sendto(sender.value, token, address=sockaddr(address, port))
        lan.proc.close(sender.value)
    return token
