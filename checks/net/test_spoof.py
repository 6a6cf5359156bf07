"""A box cannot tell its neighbour by a packet that it is somebody else."""

import secrets
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.errors import NOT_ROOT, unless_root
from pytest_isolation.outside.network import sending
from pytest_isolation.outside.network.addresses import others_beside
from pytest_isolation.outside.network.hearing import hears
from pytest_isolation.outside.network.links import process_in_network_of
from pytest_isolation.outside.network.listeners import arrives
from pytest_isolation.outside.network.neighbour import checksum
from pytest_isolation.outside.network.netlink import NO_SOCKET

ETH_P_IP, ETH_P_ARP, ETH_P_IPV6, ETH_P_802_EX1 = 0x0800, 0x0806, 0x86DD, 0x88B5
EVERYBODY, ALL_NODES = b"\xff" * 6, b"\x33\x33\0\0\0\x01"
UDP, ICMPV6, EXPERIMENT = 17, 58, 253
"""The last: RFC 3692."""
ADVERTISES, ROUTER_ADVERTISES, OVERRIDE = 136, 134, 0x2000_0000
OFFER = bytes.fromhex("63825363 350102 ff")
"""Magic cookie, option 53 with 2, and the end: RFC 2131, RFC 2132."""


@dataclass(frozen=True)
class Said:
    """What a frame says: who it is from, in whose name, and a word that no other frame has in it."""

    mark: bytes
    """A random hardware address of the locally administered."""
    address: bytes
    """An IPv4 address that nobody has (RFC 2544)."""
    ways: tuple[tuple[bytes, bytes], ...]
    """Source and target of IPv4: it, to everybody; and one in each network that the box has a link to, to everybody in
    that: rules for networks let those through."""
    address_v6: bytes
    """A unique local one (RFC 4193), random."""

    @property
    def link_local(self) -> bytes:
        return bytes.fromhex("fe80000000000000") + self.mark[:3] + b"\xff\xfe" + self.mark[3:]


def _arp(said: Said) -> Iterator[bytes]:
    """A question and an answer: either is believed (RFC 826)."""
    for operation in (1, 2):
        head = EVERYBODY + said.mark + struct.pack(">HHHBBH", ETH_P_ARP, 1, ETH_P_IP, 6, 4, operation)
        yield head + said.mark + said.address + bytes(6) + said.address


def _hardware(said: Said) -> Iterator[bytes]:
    """Of a protocol for experiments, IEEE 802: a bridge learns from any frame where an address is.

    The address is nowhere else in it: a frame whose source was put right on its way is no lie any more.
    """
    yield EVERYBODY + said.mark + struct.pack(">H", ETH_P_802_EX1) + bytes(46)


def _ipv4(way: tuple[bytes, bytes], protocol: int, data: bytes) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), secrets.randbits(16), 0, 1, protocol, 0)
    head += way[0] + way[1]
    return head[:10] + checksum(head) + head[12:] + data


def _address(said: Said) -> Iterator[bytes]:
    for way in said.ways:
        packet = _ipv4(way, EXPERIMENT, said.mark + bytes(32))
        yield EVERYBODY + said.mark + struct.pack(">H", ETH_P_IP) + packet


def _dhcp(said: Said) -> Iterator[bytes]:
    """An offer, of the address to nobody: no client has asked under this number."""
    body = struct.pack(">BBBBIHH", 2, 1, 6, 0, secrets.randbits(32), 0, 0x8000) + bytes(4) + said.address + said.address
    body += bytes(4) + said.mark + bytes(10 + 64 + 128) + OFFER
    datagram = struct.pack(">HHHH", 67, 68, 8 + len(body), 0) + body
    for way in said.ways:
        yield EVERYBODY + said.mark + struct.pack(">H", ETH_P_IP) + _ipv4(way, UDP, datagram)


def _icmpv6(said: Said, source: bytes, message: bytes) -> bytes:
    """To all nodes, with the hop limit by which they know that no router has sent it on (RFC 4861)."""
    target = bytes.fromhex("ff020000000000000000000000000001")
    pseudo = source + target + struct.pack(">II", len(message), ICMPV6)
    message = message[:2] + checksum(pseudo + message) + message[4:]
    head = struct.pack(">IHBB", 6 << 28, len(message), ICMPV6, 255) + source + target
    return ALL_NODES + said.mark + struct.pack(">H", ETH_P_IPV6) + head + message


def _neighbour(said: Said) -> Iterator[bytes]:
    message = struct.pack(">BBHI", ADVERTISES, 0, 0, OVERRIDE) + said.address_v6 + b"\x02\x01" + said.mark
    yield _icmpv6(said, said.address_v6, message)


def _router(said: Said) -> Iterator[bytes]:
    """Of a router whose time is over, without a network: who believes it has neither a route nor an address more."""
    message = struct.pack(">BBHBBHII", ROUTER_ADVERTISES, 0, 0, 0, 0, 0, 0, 0) + b"\x01\x01" + said.mark
    yield _icmpv6(said, said.link_local, message)


@dataclass(frozen=True)
class Lie:
    slug: str
    what: str
    does: str
    why: str
    protocol: int
    frames: Callable[[Said], Iterator[bytes]]
    sources: tuple[str, ...]


LIES = (
    Lie(
        "arp", "ARP packet that a process inside has made, for an address that is not the box's,",
        "draws a neighbour's traffic to itself", "", ETH_P_ARP, _arp, ("RFC 826",),
    ),
    Lie(
        "mac", "frame from a hardware address that is not the box's", "sends frames as another machine",
        "a bridge sends to the box what is for that address, and rules by hardware address are passed by",
        ETH_P_802_EX1, _hardware, ("IEEE 802.1D 7.8",),
    ),
    Lie(
        "address", "IPv4 packet from an address that is not the box's", "sends packets as another address",
        "who believes the source of a datagram, as rules by address and UDP services do, is deceived",
        ETH_P_IP, _address, ("RFC 2827", "RFC 791"),
    ),
    Lie(
        "neighbour", "neighbour advertisement for an IPv6 address that is not the box's",
        "draws a neighbour's IPv6 traffic to itself",
        "of IPv6, whose rules are often others than those of IPv4, or none", ETH_P_IPV6, _neighbour,
        ("RFC 4861 7.2.5", "RFC 6620"),
    ),
    Lie(
        "router", "router advertisement", "makes itself its neighbours' router",
        "one packet gives whoever hears it a router, an address and name servers, where nobody uses IPv6, too",
        ETH_P_IPV6, _router, ("RFC 6104", "https://nvd.nist.gov/vuln/detail/CVE-2020-13401"),
    ),
    Lie(
        "dhcp", "DHCP offer", "gives its neighbours addresses",
        "a machine that starts takes its address, router and name servers from whoever answers first",
        ETH_P_IP, _dhcp, ("RFC 2131 7", "RFC 7610"),
    ),
)  # fmt: skip

denied = family(
    "net.{entry.slug}-spoof-denied",
    over=LIES,
    claim="no {entry.what} arrives at a neighbour",
    sources=lambda entry: (*entry.sources, "man:packet(7)", "man:capabilities(7) CAP_NET_RAW"),
    severity=lambda entry: severity.neighbour(entry.does),
    falsified_by=(weaken.grant("NET_RAW"), weaken.join_sibling("net")),
    kind="per-window",
    distinct="{entry.why}",
)


@denied
def test_neighbour_is_not_told(box: Box, promise: Guarantee, entry: Lie) -> None:
    """By a packet socket, on each interface; a packet socket of ours in the sibling's network decides."""
    nobodys = socket.inet_aton(f"198.18.{secrets.randbelow(256)}.1")
    said = Said(
        b"\x02" + secrets.token_bytes(5),
        nobodys,
        (
            (nobodys, b"\xff" * 4),
            *((socket.inet_aton(one), socket.inet_aton(all_there)) for one, all_there in others_beside(box)),
        ),
        b"\xfd" + secrets.token_bytes(15),
    )
    frames = list(entry.frames(said))
    with process_in_network_of(box.sibling) as ear, box.spawn() as proc:
        heard = hears(ear, entry.protocol, said.mark, frames)
        if not heard.ok:
            raise Unsupported(f"no packet socket to hear it with: {heard}", cause=unless_root(NOT_ROOT))
        opened = proc.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        promise.tried(opened, vain=NO_SOCKET)
        sent = [opened]
        for index in sending.interfaces(box, "lo").values() if opened.ok else ():
            to = struct.pack("<HHiHBB8s", socket.AF_PACKET, socket.htons(entry.protocol), index, 1, 0, 6, frames[0][:6])
            sent += [proc.sendto(opened.value, frame, address=to) for frame in frames]
        if opened.ok and not any(reply.ok for reply in sent[1:]):
            promise.undecided("no interface of the box takes a packet: its network is down")
        came = arrives(box, ear, heard.value, said.mark, f"a frame to the sibling ({entry.slug})", sent[1:])
        promise.held("isolated" if opened.ok else "refused")
        promise.require(came is None, *sent, heard=f"{entry.slug}: a frame from {said.mark.hex(':')}")
