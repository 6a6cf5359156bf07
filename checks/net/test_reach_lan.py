"""The box sends nothing to the machines beside its host, nor to those behind them."""

import secrets
import socket
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.network import sending
from pytest_isolation.outside.network.lan import Frame, lan_of_host
from pytest_isolation.outside.network.listeners import new_token
from pytest_isolation.outside.network.netlink import NO_SOCKET
from pytest_isolation.outside.network.patience import LONG_S


@dataclass(frozen=True)
class Place:
    slug: str
    where: str
    version: int
    phrase: str
    distinct: str

    @property
    def family(self) -> int:
        return socket.AF_INET6 if self.version == 6 else socket.AF_INET

    @property
    def is_far(self) -> bool:
        return self.slug.startswith("beyond")


PLACES = (
    Place(
        "lan", "a machine on a link of its host", 4, "sends to the machines of the host's LAN",
        "not the host, but who is beside it: printers, other servers, the router's own pages",
    ),
    Place(
        "lan-ipv6", "a machine on a link of its host", 6, "sends to the machines of the host's LAN by IPv6",
        "filters and translations are written once for each version of the protocol, and often for one alone",
    ),
    Place(
        "beyond-lan", "a machine behind a router of its host's", 4, "sends beyond the host's LAN, to the internet",
        "a filter may hold back what is for the LAN and let the rest out, or the other way round",
    ),
    Place(
        "beyond-lan-ipv6", "a machine behind a router of its host's", 6, "sends beyond the host's LAN by IPv6",
        "a machine with IPv6 may have a way out that nobody has thought of",
    ),
)  # fmt: skip

reached = family(
    "net.{entry.slug}-unreachable",
    over=PLACES,
    claim="no TCP segment, UDP datagram or ICMP echo request that a process inside sends by IPv{entry.version} to "
    "{entry.where} arrives there, whether anybody listens or not",
    sources=("man:network_namespaces(7)", "man:ip(7)", "NIST SP 800-190, 4.4.2"),
    severity=lambda entry: severity.neighbour(entry.phrase),
    falsified_by=weaken.share("net"),
    kind="per-window",
    distinct="{entry.distinct}",
)


@reached
def test_nothing_arrives(box: Box, promise: Guarantee, entry: Place) -> None:
    """The port is closed: a packet that arrives is a way there, whatever comes back."""
    lan = lan_of_host(box)
    address = (lan.far if entry.is_far else lan.own).get(entry.family)
    if address is None:
        promise.undecided("the host has no IPv6")
    token, port = new_token(), 20_000 + secrets.randbelow(10_000)

    def ours(frame: Frame) -> bool:
        return token in frame.data or frame.is_call(port)

    with lan.ear() as ear:
        with box.outside.process() as host:
            sending.to(host.proc, address, port, token)
            if ear.until(ours, 1.0) is None:
                promise.undecided("the host itself does not come there: its own rules drop it")
        token, port = new_token(), 30_000 + secrets.randbelow(10_000)
        with box.spawn() as proc:
            told = sending.to(proc, address, port, token)
            promise.tried(*told, vain=NO_SOCKET)
            arrived = lan.arrived(box, ear, ours, told, address, LONG_S)
        promise.require(
            arrived is None, *told, arrived=f"a packet from {arrived.source if arrived else ''}", at=address
        )
