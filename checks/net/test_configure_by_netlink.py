"""Root in the box cannot configure its network by netlink."""

import secrets
import socket
import struct

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc
from pytest_isolation.outside.network import rtnetlink
from pytest_isolation.outside.network.links import Link, index_of, link_in
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
from pytest_isolation.outside.network.rtnetlink import IFA, IFLA, NDA, RTM

promise = guarantee(
    "net.netlink-admin-denied",
    claim="no message of rtnetlink(7) from inside gives an interface an address, a name in words or a neighbour",
    sources=("man:rtnetlink(7)", "man:capabilities(7) CAP_NET_ADMIN"),
    severity=severity.surface("configures its network by netlink"),
    falsified_by=weaken.grant("NET_ADMIN"),
    kind="per-window",
    distinct="the road that ip(8) goes: what refuses an ioctl(2) need not refuse a message",
)
NEW = {"address": RTM.NEWADDR, "alias": RTM.NEWLINK, "neighbour": RTM.NEWNEIGH}


def _body(what: str, index: int, token: bytes) -> bytes:
    if what == "address":
        return rtnetlink.address(socket.AF_INET, 32, index) + attribute(IFA.LOCAL, token)
    if what == "alias":
        return rtnetlink.link(index) + attribute(IFLA.IFALIAS, token)
    return rtnetlink.neighbour(socket.AF_INET, index) + attribute(NDA.DST, token)


def _listed(proc: Proc, what: str, token: bytes) -> bool:
    family = 0 if what == "alias" else socket.AF_INET
    listing = message(rtnetlink.listing(NEW[what]), REQUEST | DUMP, struct.pack("<B23x", family))
    return token in ask(proc, NETLINK_ROUTE, listing)


@promise
def test_interface_stays(box: Box) -> None:
    with link_in(box) as made:
        for what in NEW:
            _give(box, made, what)


def _give(box: Box, made: Link, what: str) -> None:
    # Of 198.18.0.0/15, which no network routes (RFC 2544), on a link of ours that ends with its process.
    token = bytes([198, 18, 1 + secrets.randbelow(250), 1 + secrets.randbelow(250)])
    if what == "alias":
        token = secrets.token_hex(8).encode()
    body = _body(what, index_of(made.proc, made.name), token)
    answer = ask(box.proc, NETLINK_ROUTE, message(NEW[what], REQUEST | ACK | CREATE, body))
    promise.tried(answer.opened, vain=NO_SOCKET)
    promise.held("refused")
    promise.require(not _listed(made.proc, what, token), str(answer), changed=what, interface=made.name)
