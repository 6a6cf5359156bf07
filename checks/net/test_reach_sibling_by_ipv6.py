"""Nothing of a box arrives at a sibling by IPv6: at no address that it has, by none of its interfaces."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.outside.network import sending
from pytest_isolation.outside.network.ipv6 import addresses, settled
from pytest_isolation.outside.network.listeners import Socket, arrives, knock, new_token, sockaddr_in6
from pytest_isolation.outside.network.netlink import NO_SOCKET

LINK_LOCAL, ALL_NODES = "fe80:", "ff02::1"


@dataclass(frozen=True)
class Way:
    slug: str
    what: str
    whose: str
    does: str
    why: str
    kind: int


WAYS = (
    Way(
        "connections", "connection", "a listener of another box", "connects to its neighbours by IPv6",
        "an address that nobody asked for is there on each link (RFC 4291), and rules for IPv4 do not see it",
        socket.SOCK_STREAM,
    ),
    Way(
        "datagrams", "UDP datagram", "another box", "sends datagrams to its neighbours by IPv6",
        "by the group of all nodes, too, which every machine is in: no address need be known", socket.SOCK_DGRAM,
    ),
)  # fmt: skip

apart = family(
    "net.sibling-ipv6-{entry.slug}",
    over=WAYS,
    claim="no {entry.what} from a box arrives by IPv6 at {entry.whose} from the same spec: by any address that this "
    "has on a link, or by that of all nodes",
    sources=("man:network_namespaces(7)", "man:ipv6(7)", "RFC 4291 2.5.6, 2.7.1"),
    severity=lambda entry: severity.neighbour(entry.does),
    falsified_by=weaken.join_sibling("net"),
    kind="per-window",
    distinct="{entry.why}",
)


@apart
def test_sibling_is_unreachable_by_ipv6(box: Box, promise: Guarantee, entry: Way) -> None:
    with box.sibling.spawn() as sibling, box.spawn() as proc:
        # In the host's network there are links of others that come and go: loopback is asked there.
        if not sending.shares_network(box) and not settled(sibling, proc):
            promise.undecided("an IPv6 address of the boxes cannot be used yet: its link waits whether others have it")
        kind = entry.kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        ear = promise.prepared(sibling.socket(socket.AF_INET6, kind), "a socket for IPv6 in the sibling").value
        promise.prepared(sibling.bind(ear, sockaddr_in6("::", 0)), "a port in the sibling")
        if entry.kind == socket.SOCK_STREAM:
            promise.prepared(sibling.listen(ear, 4), "a sibling that listens")
        service = Socket(sibling, ear, sibling.getsockname(ear).data)
        for address, index in _targets(box, sibling, group=entry.kind == socket.SOCK_DGRAM):
            to = sockaddr_in6(address, service.port)[:-4] + struct.pack("<I", index)
            if entry.kind == socket.SOCK_STREAM:
                tried = knock(box, to, service, proc)
                promise.tried(tried.told[0], vain=NO_SOCKET)
                promise.require(not tried.arrived, *tried.told, sibling=f"a connection at {address}%{index}")
                continue
            token = new_token()
            program = Program()
            fd = program.socket(socket.AF_INET6, kind)
            sent = program.sendto(fd, token, address=to)
            replies = proc.run(program)
            promise.tried(replies[fd], vain=NO_SOCKET)
            told = replies[sent] if replies[fd].ok else replies[fd]
            came = arrives(box, sibling, ear, token, ("sibling by IPv6", address, index), [told])
            promise.require(came is None, told, sibling=f"a datagram at {address}%{index}")


def _targets(box: Box, sibling: Proc, *, group: bool) -> Iterator[tuple[str, int]]:
    """Each address of the sibling's, its loopback's first; one of a link with each interface of the box's."""
    yield "::1", 0
    own = [one.text for one in addresses(sibling)]
    links = list(sending.interfaces(box, "lo").values())
    for address in dict.fromkeys([*own, *([ALL_NODES] if group else [])]):
        if address.startswith((LINK_LOCAL, "ff")):
            yield from ((address, index) for index in links)
        elif address != "::1":
            yield address, 0
