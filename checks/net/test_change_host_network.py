"""What the box may do to its own network, it may not do to the host's."""

import secrets
import socket
import struct
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.network import rtnetlink, tracked
from pytest_isolation.outside.network.lan import Lan, lan_to_change
from pytest_isolation.outside.network.links import SIOCGIFMTU, SIOCGIFNAME, SIOCSIFMTU, request
from pytest_isolation.outside.network.netlink import (
    ACK,
    CREATE,
    DUMP,
    NETLINK_ROUTE,
    NO_SOCKET,
    REQUEST,
    ask,
    attribute,
    message,
)
from pytest_isolation.outside.network.rtnetlink import IFA, IFLA, NDA, RTA, RTM


@dataclass(frozen=True)
class Part:
    slug: str
    what: str
    phrase: str
    distinct: str


ADMIN = (
    Part(
        "links", "gives an interface of the host's an address, a name in words, a neighbour or another size of packets",
        "changes the host's network interfaces", "a box that may configure its own network is not to reach the host's",
    ),
    Part(
        "routes", "gives the host a route", "changes where the host's packets go",
        "who sets routes reads the traffic: the interfaces stay as they are",
    ),
    Part(
        "firewall", "makes a table in the host's firewall", "writes rules of the host's firewall",
        "the filters of the host and of every box on it: `net.firewall-denied` is of the box's own network",
    ),
)  # fmt: skip

kept = family(
    "net.hosts-{entry.slug}-kept",
    over=ADMIN,
    claim="no message or ioctl(2) from inside {entry.what}",
    sources=("man:rtnetlink(7)", "man:netdevice(7)", "man:network_namespaces(7)", "man:nft(8)"),
    severity=lambda entry: severity.host(entry.phrase),
    falsified_by=(weaken.share("net"), weaken.grant("NET_ADMIN")),
    kind="per-window",
    needs_root=True,
    distinct="{entry.distinct}",
)


@kept
def test_host_network_stays(box: Box, promise: Guarantee, entry: Part) -> None:
    """All of it is of a link of ours, with addresses that nobody has, and ends with the link."""
    with lan_to_change(box) as lan:
        _asked(box, promise, entry, lan)


def _asked(box: Box, promise: Guarantee, entry: Part, lan: Lan) -> None:
    if entry.slug == "firewall":
        name = f"pti{secrets.token_hex(6)}".encode()
        with box.outside.process() as host, box.spawn() as proc:
            tracked.need_tables(host.proc)
            opened, sent = tracked.make_table(proc, name)
            promise.tried(opened, vain=NO_SOCKET)
            promise.require(name not in tracked.tables(box.outside.proc), sent, table=name.decode())
        return
    _is_ours_or_nobodys(box, promise, lan)
    # Of 198.18.0.0/15, which no network routes (RFC 2544), and there of no LAN of ours.
    token = bytes([198, 19, 255, 1 + secrets.randbelow(250)])
    if entry.slug == "routes":
        # To one address, by our own link.
        body = rtnetlink.route(socket.AF_INET, 32)
        body += attribute(RTA.DST, token) + attribute(RTA.OIF, struct.pack("<i", lan.index))
        _given(box, promise, lan, RTM.NEWROUTE, socket.AF_INET, body, token)
        return
    body = rtnetlink.address(socket.AF_INET, 32, lan.index) + attribute(IFA.LOCAL, token)
    _given(box, promise, lan, RTM.NEWADDR, socket.AF_INET, body, token)
    body = rtnetlink.neighbour(socket.AF_INET, lan.index) + attribute(NDA.DST, token)
    _given(box, promise, lan, RTM.NEWNEIGH, socket.AF_INET, body + attribute(NDA.LLADDR, lan.hardware), token)
    words = secrets.token_hex(8).encode()
    body = rtnetlink.link() + rtnetlink.named(lan.name) + attribute(IFLA.IFALIAS, words)
    _given(box, promise, lan, RTM.NEWLINK, 0, body, words)
    before = request(lan.local, SIOCGIFMTU, lan.name).data
    told = request(box.proc, SIOCSIFMTU, lan.name, struct.pack("<i", 1300 + secrets.randbelow(100)))
    after = request(lan.local, SIOCGIFMTU, lan.name).data
    promise.require(before == after, told, changed="the size of packets", interface=lan.name)


def _is_ours_or_nobodys(box: Box, promise: Guarantee, lan: Lan) -> None:
    """In the box the number of our link names that link, or nothing."""
    told = request(box.proc, SIOCGIFNAME, "", struct.pack("<i", lan.index))
    name = told.data[:16].rstrip(b"\0").decode(errors="replace")
    if name not in ("", lan.name):
        promise.undecided(f"an interface of the box has the number of ours: {name}")


def _given(box: Box, promise: Guarantee, lan: Lan, kind: RTM, family: int, body: bytes, token: bytes) -> None:
    listing = message(rtnetlink.listing(kind), REQUEST | DUMP, struct.pack("<B23x", family))
    if token in ask(lan.local, NETLINK_ROUTE, listing):
        promise.undecided("what was drawn is in the host's list already, of another run")
    answer = ask(box.proc, NETLINK_ROUTE, message(kind, REQUEST | ACK | CREATE, body))
    promise.tried(answer.opened, vain=NO_SOCKET)
    promise.require(token not in ask(lan.local, NETLINK_ROUTE, listing), str(answer), changed=kind, interface=lan.name)
