"""What netfilter has of a network: tables of rules, and connections that it follows; read and made by nfnetlink.

Sources: kernel include/uapi/linux/netfilter/nf_tables.h, nfnetlink_conntrack.h; nft(8), conntrack(8).
"""

from __future__ import annotations

import secrets
import socket
import struct
from typing import TYPE_CHECKING

from pytest_isolation.errors import NOT_ROOT, Unsupported, unless_root
from pytest_isolation.outside.network.netlink import (
    ACK,
    CREATE,
    DUMP,
    EXCL,
    NETLINK_NETFILTER,
    NO_ONE,
    REQUEST,
    Answer,
    ask,
    attribute,
    message,
)

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply

NFT, NEWTABLE, GETTABLE, NFPROTO_IPV4 = 10 << 8, 0, 1, 2
CT, CT_NEW, CT_GET, CT_DELETE = 1 << 8, 0, 1, 2
DORMANT_OWNED = struct.pack(">I", 3)
"""NFT_TABLE_F_DORMANT | NFT_TABLE_F_OWNER: nothing is filtered by it, and it ends with the socket that made it."""
NESTED = 0x8000
SHORT_S = 20
"""How long the kernel keeps a connection of ours that nobody deletes."""


def _header(family: int, subsystem: int = 0) -> bytes:
    """struct nfgenmsg."""
    return struct.pack(">BBH", family, 0, subsystem)


def tables(proc: Proc) -> Answer:
    """The tables of nftables in the network of `proc`, for IPv4."""
    return ask(proc, NETLINK_NETFILTER, message(NFT | GETTABLE, REQUEST | DUMP, _header(NFPROTO_IPV4)))


def make_table(proc: Proc, name: bytes) -> tuple[Reply, Reply]:
    """Make one that does nothing; it ends with the socket, which stays open: the replies of socket(2) and sendto(2)."""
    batch = (
        message(16, REQUEST, _header(0, 10), 1)  # NFNL_MSG_BATCH_BEGIN for NFNL_SUBSYS_NFTABLES
        + message(
            NFT | NEWTABLE,
            REQUEST | ACK | CREATE,
            _header(NFPROTO_IPV4) + attribute(1, name + b"\0") + attribute(2, DORMANT_OWNED),
            2,
        )
        + message(17, REQUEST, _header(0, 10), 3)
    )
    opened = proc.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    return opened, proc.sendto(opened.value, batch, address=NO_ONE) if opened.ok else opened


def need_tables(host: Proc) -> None:
    """Raise Unsupported where `host`, a process of the host's, makes no table either: then a refusal says nothing.

    Kernels before 5.12 know of no table that ends with its socket, and refuse it to everybody.
    """
    name = f"pti{secrets.token_hex(6)}".encode()
    _, sent = make_table(host, name)
    if name not in (listed := tables(host)):
        raise Unsupported(
            f"the host makes no table of nftables that ends with its socket ({sent}; {listed})",
            cause=unless_root(NOT_ROOT),
        )


def connections(proc: Proc) -> Answer:
    """The connections that are followed in the network of `proc`, for IPv4."""
    return ask(proc, NETLINK_NETFILTER, message(CT | CT_GET, REQUEST | DUMP, _header(socket.AF_INET)))


def make_connection(proc: Proc, here: str, there: str, port: int) -> Answer:
    """Have the kernel take it that there is a UDP connection: it is forgotten after SHORT_S."""
    body = _header(socket.AF_INET) + _tuple(1, here, there, port, 9) + _tuple(2, there, here, 9, port)
    body += attribute(7, struct.pack(">I", SHORT_S))
    return ask(proc, NETLINK_NETFILTER, message(CT | CT_NEW, REQUEST | ACK | CREATE | EXCL, body))


def forget_connection(proc: Proc, here: str, there: str, port: int) -> Answer:
    """Before its time."""
    body = _header(socket.AF_INET) + _tuple(1, here, there, port, 9)
    return ask(proc, NETLINK_NETFILTER, message(CT | CT_DELETE, REQUEST | ACK, body))


def _tuple(kind: int, source: str, target: str, out: int, into: int) -> bytes:
    """CTA_TUPLE_ORIG or CTA_TUPLE_REPLY: addresses, protocol and ports of one direction."""
    addresses = attribute(1, socket.inet_aton(source)) + attribute(2, socket.inet_aton(target))
    ports = attribute(1, struct.pack("B", socket.IPPROTO_UDP))
    ports += attribute(2, struct.pack(">H", out)) + attribute(3, struct.pack(">H", into))
    return attribute(kind | NESTED, attribute(1 | NESTED, addresses) + attribute(2 | NESTED, ports))
