"""No datagram of a box arrives at a sibling: sent to it, to everybody or to a group."""

import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.network.addresses import of_box
from pytest_isolation.outside.network.listeners import arrives, new_token, sockaddr_in
from pytest_isolation.outside.network.netlink import NO_SOCKET
from pytest_isolation.outside.network.sending import interfaces

promise = guarantee(
    "net.sibling-datagrams",
    claim="no UDP datagram from a box arrives at another box from the same spec: by its address, as a broadcast or to "
    "a multicast group that it has joined",
    sources=("man:network_namespaces(7)", "man:udp(7)", "man:ip(7) IP_ADD_MEMBERSHIP"),
    severity=severity.neighbour("sends datagrams to its neighbour"),
    falsified_by=weaken.join_sibling("net"),
    kind="per-window",
    distinct="discovery and name services speak so: a rule for connections does not hold a broadcast back",
)
GROUP = "239.255.77.77"
"""Of the organisation-local scope (RFC 2365), which no router sends on."""
IP_MULTICAST_IF, IP_ADD_MEMBERSHIP, IP_UNICAST_IF = 32, 35, 50


@promise
@given(to=st.sampled_from(["address", "broadcast", "group"]))
def test_datagram_does_not_arrive(box: Box, to: str) -> None:
    """To each address of the sibling's, or by each interface of both: of two networks one may let nothing through."""
    token = new_token()
    with box.sibling.spawn() as sibling, box.spawn() as proc:
        ear = sibling.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        promise.prepared(ear, "a socket in the sibling")
        promise.prepared(sibling.bind(ear.value, sockaddr_in("0.0.0.0", 0)), "a port in the sibling")
        port = int.from_bytes(sibling.getsockname(ear.value).data[2:4], "big")
        if to == "group":
            wanted = [socket.inet_aton(GROUP) + struct.pack("<4xi", index) for index in _links(box.sibling)]
            joined = [sibling.setsockopt(ear.value, socket.IPPROTO_IP, IP_ADD_MEMBERSHIP, one) for one in wanted]
            if not any(reply.ok for reply in joined):
                promise.undecided("the sibling joins no multicast group on any of its interfaces")
        ways = [(address, 0) for address in ("127.0.0.1", *of_box(box.sibling))]
        if to != "address":
            ways = [("255.255.255.255" if to == "broadcast" else GROUP, index) for index in _links(box)]
        program = Program()
        fd = program.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        program.setsockopt(fd, socket.SOL_SOCKET, socket.SO_BROADCAST, struct.pack("<i", 1))
        sent = []
        for target, index in ways:
            program.setsockopt(fd, socket.IPPROTO_IP, IP_MULTICAST_IF, struct.pack("<8xi", index))
            program.setsockopt(fd, socket.IPPROTO_IP, IP_UNICAST_IF, struct.pack(">I", index))  # of a broadcast, too
            sent.append(program.sendto(fd, token, address=sockaddr_in(target, port)))
        program.close(fd)
        replies = proc.run(program)
        promise.tried(replies[fd], vain=NO_SOCKET)
        told = [replies[one] for one in sent] if replies[fd].ok else [replies[fd]]
        arrived = arrives(box, sibling, ear.value, token, ("sibling", to), told)
        promise.require(arrived is None, *told, by=f"{to} {', '.join(target for target, _ in ways)}, port {port}")


def _links(box: Box) -> list[int]:
    """The numbers of its interfaces; in the network of its machine loopback alone."""
    return list(interfaces(box, "lo").values())
