"""Root in the box cannot change the rules of its network's firewall."""

import secrets

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network import tracked
from pytest_isolation.outside.network.links import process_in_network_of
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.firewall-denied",
    claim="no message of nfnetlink from inside makes a table in the firewall of the box's network",
    sources=("man:nft(8)", "man:capabilities(7) CAP_NET_ADMIN", "kernel:include/uapi/linux/netfilter/nf_tables.h"),
    severity=severity.surface("writes firewall rules, a part of the kernel often broken"),
    falsified_by=weaken.grant("NET_ADMIN"),
    kind="per-window",
    distinct="rules, not interfaces: another part of the kernel, and the one that most escapes have gone through",
)


@promise
def test_firewall_stays(box: Box) -> None:
    """One family of tables: who may write rules is asked before what rules they are."""
    name = f"pti{secrets.token_hex(6)}".encode()
    with process_in_network_of(box) as outside, box.spawn() as proc:
        tracked.need_tables(outside)
        opened, sent = tracked.make_table(proc, name)
        promise.tried(opened, vain=NO_SOCKET)
        promise.held("refused")
        promise.require(name not in tracked.tables(outside), sent, table=name.decode())
