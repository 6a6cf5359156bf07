"""Root in the box cannot change the rules of its network's firewall."""

import secrets
import socket
import struct

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.links import process_in_network_of
from pytest_isolation.outside.netlink import (
    ACK,
    CREATE,
    DUMP,
    NETLINK_NETFILTER,
    NO_ONE,
    NO_SOCKET,
    REQUEST,
    ask,
    attribute,
    message,
)

promise = guarantee(
    "net.firewall-denied",
    claim="no message of nfnetlink from inside makes a table in the firewall of the box's network",
    sources=("man:nft(8)", "man:capabilities(7) CAP_NET_ADMIN", "kernel:include/uapi/linux/netfilter/nf_tables.h"),
    severity=severity.surface("writes firewall rules, a part of the kernel often broken"),
    falsified_by=weaken.grant("NET_ADMIN"),
    kind="per-window",
    distinct="rules, not interfaces: another part of the kernel, and the one that most escapes have gone through",
)
NFT, NEWTABLE, GETTABLE, NFPROTO_IPV4 = 10 << 8, 0, 1, 2
DORMANT_OWNED = struct.pack(">I", 3)
"""NFT_TABLE_F_DORMANT | NFT_TABLE_F_OWNER: nothing is filtered by it, and it ends with the socket that made it."""


def _nfgenmsg(family: int, subsystem: int = 0) -> bytes:
    return struct.pack(">BBH", family, 0, subsystem)


@promise
def test_firewall_stays(box: Box) -> None:
    """One family of tables: who may write rules is asked before what rules they are."""
    name = f"pti{secrets.token_hex(6)}".encode()
    table = attribute(1, name + b"\0") + attribute(2, DORMANT_OWNED)
    batch = (
        message(16, REQUEST, _nfgenmsg(0, 10), 1)  # NFNL_MSG_BATCH_BEGIN for NFNL_SUBSYS_NFTABLES
        + message(NFT | NEWTABLE, REQUEST | ACK | CREATE, _nfgenmsg(NFPROTO_IPV4) + table, 2)
        + message(17, REQUEST, _nfgenmsg(0, 10), 3)
    )
    listing = message(NFT | GETTABLE, REQUEST | DUMP, _nfgenmsg(NFPROTO_IPV4))
    with process_in_network_of(box) as outside, box.spawn() as proc:
        if refusal := ask(outside, NETLINK_NETFILTER, listing).errno:
            promise.undecided(f"this kernel lists no tables of nftables (errno {refusal})")
        opened = proc.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        promise.tried(opened, vain=NO_SOCKET)
        sent = proc.sendto(opened.value, batch, address=NO_ONE) if opened.ok else opened
        promise.held("refused")
        promise.require(name not in ask(outside, NETLINK_NETFILTER, listing), sent, table=name.decode())
