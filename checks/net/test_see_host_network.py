"""What the host's network is made of is in no table that the box can get."""

import secrets
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import listing, must, read_records
from pytest_isolation.outside.machine.files import names_of
from pytest_isolation.outside.network.lan import Lan, lan_of_host
from pytest_isolation.outside.network.listeners import sockaddr
from pytest_isolation.outside.network.netlink import DUMP, NETLINK_ROUTE, REQUEST, ask, message

SIX = socket.AF_INET6
GETADDR, GETROUTE, GETNEIGH, GETMULTICAST = 22, 26, 30, 58
IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP = 35, 20


@dataclass(frozen=True)
class Planted:
    """What the host has: a LAN, a group that it has joined there, and sockets, by the numbers of their inodes."""

    lan: Lan
    group: bytes
    group_v6: bytes
    sockets: tuple[bytes, ...] = ()

    def shows_socket(self, told: bytes) -> bool:
        return not set(told.split()).isdisjoint(self.sockets)


@dataclass(frozen=True)
class Table:
    """A list of the kernel's: what it gives, None where it gives nothing; and whether that tells.

    `paths`: its files or directories, to be looked for under any name; {pid} stands for a process of the host's, by
    whose directory /proc shows the host's network.  A list without any is asked for by netlink.
    """

    name: str
    ask: Callable[[Proc, str], bytes | None]
    tells: Callable[[Planted, bytes], bool]
    paths: tuple[str, ...] = ()

    def names(self, box: Box, pid: int) -> list[str]:
        """Under which names it is in the box; `pid`: of a process of the host's."""
        paths = [path.format(pid=pid) for path in self.paths]
        return list(dict.fromkeys(name for path in paths for name in names_of(box, path))) or [self.name]


def _file(name: str, tells: Callable[[Planted, bytes], bool]) -> Table:
    def asked(proc: Proc, path: str) -> bytes | None:
        told = read_records(proc, path)
        return b"".join(reply.data for reply in told) if all(reply.ok for reply in told) else None

    own = f"/proc/self/net/{name}"
    return Table(own, asked, tells, (own, f"/proc/{{pid}}/net/{name}"))


def _dump(name: str, kind: int, version: int, tells: Callable[[Planted, bytes], bool]) -> Table:
    def asked(proc: Proc, _: str) -> bytes | None:
        answer = ask(proc, NETLINK_ROUTE, message(kind, REQUEST | DUMP, struct.pack("<B27x", version)))
        return b"".join(answer.data) if answer.opened.ok and answer.sent.ok and not answer.errno else None

    return Table(name, asked, tells)


def _names(proc: Proc, path: str) -> bytes | None:
    return " ".join(listing(proc, path)).encode() or None


def _little(packed: bytes) -> bytes:
    """As the kernel writes an IPv4 address in its tables: one number of this machine's, in hexadecimal."""
    return b"%08X" % int.from_bytes(packed, "little")


def _far(planted: Planted) -> bytes:
    return socket.inet_aton(planted.lan.far[socket.AF_INET])


def _far_v6(planted: Planted) -> bytes:
    """What no table has, where the host has no IPv6."""
    return _six(planted.lan.far) if SIX in planted.lan.far else b"no IPv6 here"


def _six(of: dict[int, str]) -> bytes:
    return socket.inet_pton(SIX, of[SIX])


@dataclass(frozen=True)
class Thing:
    slug: str
    what: str
    phrase: str
    distinct: str
    tables: tuple[Table, ...]
    needs_v6: bool = False


THINGS = (
    Thing(
        "ipv6-addresses", "an IPv6 address of the host", "lists the host's IPv6 addresses",
        "IPv6 has tables of its own, and an address there often says which machine it is and where",
        (
            _dump("RTM_GETADDR", GETADDR, SIX, lambda had, told: _six(had.lan.host) in told),
            _file("if_inet6", lambda had, told: _six(had.lan.host).hex().encode() in told),
        ),
        needs_v6=True,
    ),
    Thing(
        "routes", "a network behind the host's LAN, to which it has a route", "lists where the host has routes to",
        "not where the host is, but where it can go: other offices, clouds and private networks",
        (
            _dump("RTM_GETROUTE", GETROUTE, socket.AF_INET, lambda had, told: _far(had) in told),
            _dump("RTM_GETROUTE, IPv6", GETROUTE, SIX, lambda had, told: _far_v6(had) in told),
            _file("route", lambda had, told: _little(_far(had)) in told),
            _file("fib_trie", lambda had, told: had.lan.far[socket.AF_INET].encode() in told.split()),
            _file("ipv6_route", lambda had, told: _far_v6(had).hex().encode() in told),
        ),
    ),
    Thing(
        "neighbours", "a machine of the LAN that the host has spoken to", "lists whom on the LAN the host speaks to",
        "not the host's own, but whom it knows: the addresses of others, with those of their hardware",
        (
            _dump("RTM_GETNEIGH", GETNEIGH, socket.AF_INET, lambda had, told: had.lan.hardware in told),
            _file("arp", lambda had, told: had.lan.own[socket.AF_INET].encode() in told.split()),
        ),
    ),
    Thing(
        "groups", "a multicast group that a process of the host has joined", "lists which groups the host listens to",
        "which services run there: names, printing, clusters and routing are groups",
        (
            _file("igmp", lambda had, told: _little(had.group) in told),
            _file("igmp6", lambda had, told: had.group_v6.hex().encode() in told),
            _dump("RTM_GETMULTICAST", GETMULTICAST, SIX, lambda had, told: had.group_v6 in told),
        ),
    ),
    Thing(
        "other-sockets", "a socket of the host for IPv6, for packets, for raw protocols or for netlink",
        "lists the host's raw, packet and IPv6 sockets",
        "the tables that `net.procnet-own` does not ask: who listens to packets there is in these alone",
        tuple(_file(name, Planted.shows_socket) for name in ("tcp6", "udp6", "raw", "packet", "netlink")),
    ),
    Thing(
        "links-in-sysfs", "an interface of the host's", "lists the host's network interfaces by sysfs",
        "a file system is mounted for one network, and a box may have that of another",
        (
            Table(
                "/sys/class/net", _names, lambda had, told: had.lan.name.encode() in told.split(), ("/sys/class/net",)
            ),
        ),
    ),
)  # fmt: skip

hidden = family(
    "net.hosts-{entry.slug}-hidden",
    over=THINGS,
    claim="{entry.what} is in no list of the kernel's that the box can get",
    sources=("man:network_namespaces(7)", "man:rtnetlink(7)", "man:proc_pid_net(5)"),
    severity=lambda entry: severity.learns(entry.phrase),
    falsified_by=weaken.share("net"),
    kind="per-window",
    oracle="receipt",
    distinct="{entry.distinct}",
)


@hidden
def test_it_is_in_no_table(box: Box, promise: Guarantee, entry: Thing) -> None:
    """The same tables, asked for by a process of the host, tell of it: else they could not tell the box either."""
    lan = lan_of_host(box)
    if entry.needs_v6 and SIX not in lan.host:
        promise.undecided("the host has no IPv6")
    with ExitStack() as undo:
        host = undo.enter_context(box.outside.process())
        had = _planted(lan, host.proc)
        known = [one for one in entry.tables if one.tells(had, one.ask(host.proc, one.name) or b"")]
        promise.receipt(bool(known), f"a process of the host, by {', '.join(one.name for one in entry.tables)}")
        told = {name: (one, one.ask(box.proc, name)) for one in known for name in one.names(box, host.pid)}
        if all(data is None for _, data in told.values()):
            promise.undecided(f"the box gives no list to look in: {', '.join(one.name for one in known)}")
        found = [name for name, (one, data) in told.items() if one.tells(had, data or b"")]
        promise.require(not found, found=", ".join(found), asked=", ".join(told))


def _planted(lan: Lan, host: Proc) -> Planted:
    """The host's sockets and memberships end with `host`; it has spoken to the machine beside it."""
    group, group_v6 = bytes([239, 255]) + secrets.token_bytes(2), b"\xff\x02" + bytes(6) + secrets.token_bytes(8)
    kinds = (
        (SIX, socket.SOCK_STREAM, 0), (SIX, socket.SOCK_DGRAM, 0), (socket.AF_INET, socket.SOCK_RAW, 253),
        (socket.AF_PACKET, socket.SOCK_RAW, 0), (socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE),
    )  # fmt: skip
    inodes = []
    for domain, kind, protocol in kinds:
        opened = host.socket(domain, kind | socket.SOCK_CLOEXEC, protocol)
        if not opened.ok:
            continue
        if domain == SIX and SIX in lan.host:
            host.bind(opened.value, sockaddr(lan.host[SIX], 0))
        elif domain == socket.AF_NETLINK:
            host.bind(opened.value, struct.pack("<HHII", domain, 0, 0, 0))
        if kind == socket.SOCK_STREAM:
            host.listen(opened.value)
        link = host.readlinkat(AT_FDCWD, f"/proc/self/fd/{opened.value}").data.rstrip(b"\0")
        inodes.append(link[len("socket:[") : -1])
    four = must(host.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC), "a socket of the host").value
    host.setsockopt(four, socket.IPPROTO_IP, IP_ADD_MEMBERSHIP, group + struct.pack("<4xi", lan.index))
    host.sendto(four, b"hello", address=sockaddr(lan.own[socket.AF_INET], 9))
    if (six := host.socket(SIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)).ok:
        host.setsockopt(six.value, socket.IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, group_v6 + struct.pack("<i", lan.index))
    lan.settle()
    return Planted(lan, group, group_v6, tuple(inodes))
