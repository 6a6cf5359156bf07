"""The sockets of the host are in no list that sock_diag(7) gives to the box."""

import secrets
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network.listeners import bound, new_token, sockaddr_in, sockaddr_un
from pytest_isolation.outside.network.netlink import DUMP, NETLINK_SOCK_DIAG, REQUEST, ask, message

promise = guarantee(
    "net.sock-diag-own",
    claim="what sock_diag(7) tells in the box of TCP, UDP and UNIX sockets does not show a socket of the host",
    sources=("man:sock_diag(7)", "man:network_namespaces(7)"),
    severity=severity.learns("lists the host's open sockets by netlink"),
    falsified_by=weaken.share("net"),
    oracle="receipt",
    distinct="the same sockets by a road that needs no /proc, so that no mask is in its way",
)
SOCK_DIAG_BY_FAMILY, UDIAG_SHOW_NAME = 20, 1
TABLES = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "unix": 0}


def _request(table: str) -> bytes:
    """struct inet_diag_req_v2, struct unix_diag_req: sockets in every state."""
    if table == "unix":
        return struct.pack("<BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, UDIAG_SHOW_NAME, 0, 0)
    return struct.pack("<BBBBI48x", socket.AF_INET, TABLES[table], 0, 0, 0xFFFFFFFF)


@promise
@given(table=st.sampled_from(list(TABLES)))
def test_sockets_are_not_told(box: Box, table: str) -> None:
    unix, kind = table == "unix", socket.SOCK_DGRAM if table == "udp" else socket.SOCK_STREAM
    family = socket.AF_UNIX if unix else socket.AF_INET
    token, net = new_token().hex(), 1 + secrets.randbelow(250)
    host, decoy = f"127.{net}.2.2", f"127.{net}.2.1"
    at, there = (sockaddr_un(f"\0{token}.{one}".encode()) for one in ("host", "box"))
    with bound(box, family, at if unix else sockaddr_in(host, 0), kind), box.spawn() as proc:
        own = promise.prepared(proc.socket(family, kind), "a socket to find")
        named = proc.bind(own.value, there if unix else sockaddr_in(decoy, 0))
        promise.prepared(named, "a socket with an address to find")
        if table != "udp":
            promise.prepared(proc.listen(own.value, 1), "a socket that listens")
        answer = ask(box.proc, NETLINK_SOCK_DIAG, message(SOCK_DIAG_BY_FAMILY, REQUEST | DUMP, _request(table)))
        if not answer.opened.ok or answer.errno:
            promise.undecided("the box's kernel, or its filter, has no sock_diag to ask")
        theirs, ours = (
            one.encode() if unix else socket.inet_aton(one)
            for one in ((f"{token}.host", f"{token}.box") if unix else (host, decoy))
        )
        promise.receipt(ours in answer, answer)
        promise.require(theirs not in answer, answer, socket=f"{token}.host" if unix else host)
