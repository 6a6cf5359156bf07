"""No datagram from inside arrives at a service on the host's loopback."""

import secrets
import socket

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.outside.network.listeners import bound, gateways, received, sockaddr_in
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.host-loopback-datagrams",
    claim="no UDP datagram from inside arrives at a socket on the host's 127.0.0.1: by that address, by 0.0.0.0 or by "
    "a gateway",
    sources=("man:network_namespaces(7)", "man:udp(7)"),
    severity=severity.host("sends datagrams to services of the host's loopback"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    distinct="resolvers and logs of the host listen so; user mode networks hand datagrams on by other rules",
)


@promise
def test_datagram_does_not_arrive(box: Box) -> None:
    """One wait for all of them: a box that hands nothing on costs it whole."""
    ways = ["127.0.0.1", "0.0.0.0", *gateways(read(box.proc, "/proc/net/route").data)]
    token = secrets.token_bytes(8)
    with bound(box, socket.AF_INET, sockaddr_in("127.0.0.1", 0), socket.SOCK_DGRAM) as service:
        program = Program()
        fd = program.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        sent = [program.sendto(fd, token, address=sockaddr_in(way, service.port)) for way in ways]
        program.close(fd)
        replies = box.proc.run(program)
        promise.tried(replies[fd], vain=NO_SOCKET)
        told = [replies[one] for one in sent] if replies[fd].ok else [replies[fd]]
        promise.require(token not in received(box, service, "datagrams to loopback", told), *told, port=service.port)
