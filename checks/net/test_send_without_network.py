"""A box that was asked for no network sends no packet at all, whether anybody would answer it or not."""

import secrets
import socket
import struct

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.network import sending
from pytest_isolation.outside.network.lan import Frame, lan_of_host
from pytest_isolation.outside.network.listeners import new_token, sockaddr, sockaddr_in
from pytest_isolation.outside.network.netlink import NO_SOCKET
from pytest_isolation.outside.network.patience import LONG_DATAGRAM_S, SHORT_S

promise = guarantee(
    "net.denied-sees-nothing",
    claim="with no network asked for, no packet from inside is on a link of the host: of TCP, UDP or ICMP, for a "
    "machine beside the host or behind one, for a closed port, for everybody or for a group",
    sources=("man:network_namespaces(7)", "docker:none network driver", "PageSpace#1736"),
    severity=severity.neighbour("puts packets on the host's links, with no network asked for"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    box={"network": "none"},
    distinct="a refusal may come from a closed port: what was sent decides, not what arrived; `net.none-only-lo` asks "
    "whether somebody who listens is reached",
)
GROUPS = ("224.0.0.251", "239.255.77.77", "ff02::1", "ff02::fb")
"""Of mDNS, of an organisation (RFC 2365), all nodes, mDNS by IPv6."""
IP_MULTICAST_IF, IPV6_MULTICAST_IF = 32, 17


@promise
def test_no_packet_leaves(box: Box) -> None:
    """In the host's own network a group is sent to by our link alone: nobody else is to hear it."""
    lan = lan_of_host(box)
    closed = 20_000 + secrets.randbelow(10_000)
    places = [*lan.own.values(), *lan.far.values()]
    token = new_token()

    def ours(frame: Frame) -> bool:
        return token in frame.data or frame.is_call(closed)

    with lan.ear() as ear:
        with box.outside.process() as host:
            sending.to(host.proc, lan.own[socket.AF_INET], closed, token)
            if ear.until(ours, 1.0) is None:
                promise.undecided("the host's own packets are not on the link: its rules drop them")
        token, closed = new_token(), 30_000 + secrets.randbelow(10_000)
        with box.spawn() as proc:
            told = [reply for place in places for reply in sending.to(proc, place, closed, token)]
            promise.tried(*told, vain=NO_SOCKET)
            program = Program()
            for index in sending.interfaces(box, lan.name).values():
                _to_groups(program, index, closed, token)
            _broadcast(program, lan.host[socket.AF_INET], closed, token)
            told += [reply for reply in proc.run(program) if reply.name == "sendto"]
            # The kernel's own networks are done when lan.settle() is: no process hands on what they carry.
            long = SHORT_S if box.parts.shares_kernel else LONG_DATAGRAM_S
            sent = lan.arrived(box, ear, ours, told, "with no network", long)
        promise.held("isolated" if any(reply.ok for reply in told) else "refused")
        promise.require(sent is None, *told, seen=f"a packet from {sent.source if sent else ''} on {lan.name}")


def _to_groups(program: Program, index: int, port: int, token: bytes) -> None:
    """By one interface: struct ip_mreqn of ip(7)."""
    for group in GROUPS:
        six = ":" in group
        fd = program.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        if six:
            program.setsockopt(fd, socket.IPPROTO_IPV6, IPV6_MULTICAST_IF, struct.pack("<i", index))
        else:
            program.setsockopt(fd, socket.IPPROTO_IP, IP_MULTICAST_IF, struct.pack("<8xi", index))
        program.sendto(fd, token, address=sockaddr(group, port))


def _broadcast(program: Program, host: str, port: int, token: bytes) -> None:
    """To everybody on our link: a /30, of which the host's address is the first."""
    everybody = socket.inet_ntoa((int.from_bytes(socket.inet_aton(host), "big") | 3).to_bytes(4, "big"))
    fd = program.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    program.setsockopt(fd, socket.SOL_SOCKET, socket.SO_BROADCAST, struct.pack("<i", 1))
    program.sendto(fd, token, address=sockaddr_in(everybody, port))
