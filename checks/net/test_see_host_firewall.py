"""What the host's firewall has is told to no process of the box, whatever that one may do in its own network."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.agent.client import Proc
from pytest_isolation.errors import NOT_ROOT, unless_root
from pytest_isolation.outside.network import tracked
from pytest_isolation.outside.network.lan import lan_of_host
from pytest_isolation.outside.network.netlink import NO_SOCKET, Answer


@dataclass(frozen=True)
class Part:
    slug: str
    what: str
    phrase: str
    distinct: str

    def ask(self, proc: Proc) -> Answer:
        return tracked.tables(proc) if self.slug == "firewall" else tracked.connections(proc)


PARTS = (
    Part(
        "firewall", "a table of rules of the host's nftables", "lists the rules of the host's firewall",
        "a box that may change its own firewall need not see the host's: `net.firewall-denied` is of its own",
    ),
    Part(
        "connections", "a connection that the host's firewall follows", "lists who speaks to whom through the host",
        "not rules but traffic: of the host, and of every box that the host forwards for",
    ),
)  # fmt: skip

hidden = family(
    "net.hosts-{entry.slug}-hidden",
    over=PARTS,
    claim="{entry.what} is in no list that nfnetlink gives a process of the box",
    sources=("man:nft(8)", "man:network_namespaces(7)", "kernel:include/uapi/linux/netfilter/nfnetlink_conntrack.h"),
    severity=lambda entry: severity.learns(entry.phrase),
    falsified_by=(weaken.share("net"), weaken.grant("NET_ADMIN")),
    kind="per-window",
    oracle="receipt",
    needs_root=True,
    distinct="{entry.distinct}",
)


@hidden
def test_it_is_not_listed(box: Box, promise: Guarantee, entry: Part) -> None:
    with _planted(box, entry) as (mark, made):
        told = entry.ask(box.outside.proc)
        if mark not in told:
            raise Unsupported(
                f"the host's firewall lists nothing of the kind ({made}, {told})", cause=unless_root(NOT_ROOT)
            )
        promise.receipt(True, told)
        answer = entry.ask(box.proc)
        promise.tried(answer.opened, vain=NO_SOCKET)
        promise.held("isolated" if answer.opened.ok and not answer.errno else "refused")
        promise.require(mark not in answer, answer, made=str(made))


@contextmanager
def _planted(box: Box, entry: Part) -> Iterator[tuple[bytes, object]]:
    """Of ours, and what is looked for in the list: a table's name, the far end of a connection on our LAN."""
    if entry.slug == "firewall":
        name = f"pti{secrets.token_hex(6)}".encode()
        with box.outside.process() as host:
            yield name, tracked.make_table(host.proc, name)[1]
        return
    lan = lan_of_host(box)
    # Somewhere that no check sends to: the box's own network may follow what it has sent itself.
    there = f"198.18.255.{1 + secrets.randbelow(254)}"
    here, port = lan.host[socket.AF_INET], 20_000 + secrets.randbelow(10_000)
    made = tracked.make_connection(box.outside.proc, here, there, port)
    try:
        yield socket.inet_aton(there), made
    finally:
        tracked.forget_connection(box.outside.proc, here, there, port)
