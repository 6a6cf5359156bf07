"""A LAN beside the host: a machine of ours on it, which is the router to another network as well.

The machine is a process of the host in a network namespace of its own; the link is a pair of virtual ends, veth(4), one
of them in the host's network.  The machine has a stack of its own, so it answers and asks as any machine would, and a
packet socket there sees what arrives, whether anybody listens for it or not.  Behind it is the *far* network, to which
the host has a route by it.

Nothing is left behind: the namespace ends with its processes, which end with the run, however it ends, and takes both
ends of the link and the host's route with it.  Sources: network_namespaces(7), veth(4), rtnetlink(7), packet(7).
"""

from __future__ import annotations

import errno
import os
import secrets
import select
import socket
import struct
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, CLONE
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.errors import NOT_ROOT, AgentLost, BoxError, Undecided, Unsupported, unless_root
from pytest_isolation.outside.keeping import kept
from pytest_isolation.outside.network import rtnetlink
from pytest_isolation.outside.network.links import IFF_UP, index_of, request
from pytest_isolation.outside.network.listeners import sockaddr
from pytest_isolation.outside.network.netlink import ACK, CREATE, EXCL, NETLINK_ROUTE, REQUEST, ask, attribute, message
from pytest_isolation.outside.network.patience import patience
from pytest_isolation.outside.network.rtnetlink import (
    IFA,
    IFA_F_NODAD,
    IFLA,
    RT_SCOPE_LINK,
    RT_SCOPE_UNIVERSE,
    RTA,
    RTM,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.outside.box import Box

ETH_P_ALL = 0x0300  # htons(ETH_P_ALL)
TCP = 6
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
SIOCGIFHWADDR = 0x8927
STEPS = 6
"""Queues that a packet goes through on its way: of the box's link, a bridge's, the LAN's, and as many for asking by ARP
where the next of them is."""
MOST_S = 5.0
MOST = 400
"""Frames read at most in one look."""
DRAWS = 50
"""Addresses drawn at most: each box of each run on this machine has a LAN of its own, out of the same few."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame that arrived: `data` begins with the 14 bytes of Ethernet."""

    data: bytes

    @property
    def kind(self) -> int:
        """Its EtherType."""
        return int.from_bytes(self.data[12:14], "big")

    @property
    def source(self) -> str:
        """The IP address it says it is from; "" for a frame that is not of IP."""
        if self.kind == 0x0800 and len(self.data) >= 34:
            return socket.inet_ntoa(self.data[26:30])
        if self.kind == 0x86DD and len(self.data) >= 54:
            return socket.inet_ntop(socket.AF_INET6, self.data[22:38])
        return ""

    def is_call(self, port: int) -> bool:
        """Whether it is the first segment of a TCP connection to `port`."""
        if self.kind == 0x0800 and len(self.data) >= 34 and self.data[23] == TCP:
            segment = self.data[14 + 4 * (self.data[14] & 15) :]
        elif self.kind == 0x86DD and len(self.data) >= 54 and self.data[20] == TCP:
            segment = self.data[54:]
        else:
            return False
        return len(segment) >= 14 and segment[2:4] == port.to_bytes(2, "big") and segment[13] & 0x12 == 2


@dataclass(frozen=True, slots=True)
class Ear:
    """A packet socket of `proc`, which hears what arrives in its network; the kernel drops what it has no room for."""

    proc: Proc
    fd: int

    def frames(self, seconds: float = 0.0) -> list[Frame]:
        """What has arrived since the last look; where that is nothing, what arrives first within `seconds`."""
        found: list[Frame] = []
        if seconds:
            self.proc.ppoll([(self.fd, select.POLLIN)], seconds)
        while len(found) < MOST:
            program = Program()
            reads = [program.recvfrom(self.fd, 1600, socket.MSG_DONTWAIT) for _ in range(20)]
            replies = self.proc.run(program)
            some = [Frame(replies[one].data) for one in reads if replies[one].ok]
            found += some
            if len(some) < len(reads):
                break
        return found

    def until(self, wanted: Callable[[Frame], bool], seconds: float) -> Frame | None:
        """The first frame of this kind that has arrived, or arrives within `seconds`."""
        until = time.monotonic() + seconds
        while True:
            for frame in self.frames():
                if wanted(frame):
                    return frame
            left = until - time.monotonic()
            if left <= 0 or self.proc.ppoll([(self.fd, select.POLLIN)], left).value <= 0:
                return None


@contextmanager
def _ear_of(proc: Proc) -> Iterator[Ear]:
    """What `proc` hears from now on, by all interfaces.  Raises Unsupported without the right."""
    opened = proc.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    if not opened.ok:
        raise Unsupported(f"no packet socket to witness with: {opened}", cause=unless_root(NOT_ROOT))
    try:
        # What goes out is not heard; before Linux 4.20 it is.
        proc.setsockopt(opened.value, SOL_PACKET, PACKET_IGNORE_OUTGOING, struct.pack("<i", 1))
        address = struct.pack("<HHiHBB8x", socket.AF_PACKET, ETH_P_ALL, 0, 0, 0, 0)
        must(proc.bind(opened.value, address), "a packet socket to witness with")
        yield Ear(proc, opened.value)
    finally:
        proc.close(opened.value)


@dataclass(frozen=True, slots=True)
class Lan:
    """`host`, `own`, `far`: addresses of the host's end, of the machine, and of the machine in the far network.

    Each by family; without IPv6 where the host has none.
    """

    name: str
    """Of the host's end of the link."""
    index: int
    """Its number in the host's network."""
    local: Proc
    """The process of the host that made it."""
    proc: Proc
    """The machine: a process in its network."""
    inner: int
    """The number of its end of the link, there."""
    hardware: bytes
    """The machine's address on the link, six bytes."""
    host: dict[int, str]
    own: dict[int, str]
    far: dict[int, str]
    undo: ExitStack

    def arrived(
        self, box: Box, ear: Ear, wanted: Callable[[Frame], bool], sent: Iterable[Reply], way: Hashable, long: float
    ) -> Frame | None:
        """The first frame of this kind that what `box` sent until now has brought to the machine.

        `sent`: what its calls answered; where none let anything out, nothing is waited for.  `way`, `long`: how it was
        sent, and for how many seconds is waited for what was never silent: a process that hands packets on, as user
        mode networks do, may be late, and what was asked for by ARP is asked for again after a second.
        """
        if not any(reply.ok or reply.errno == errno.EINPROGRESS for reply in sent):
            return ear.until(wanted, 0.0)
        waits, way = patience(box), (box.proc.agent, "the LAN", way)
        found = ear.until(wanted, waits.seconds(way, long))
        if found is None:
            waits.silent(way)
            self.settle()
            found = ear.until(wanted, 0.0)
        return found

    def settle(self, *, inward: bool = False) -> None:
        """Wait until what was sent until now has gone its way, however busy the machine is.

        The kernel hands packets on in the queue of the processor that has sent them, one step at a time.  So packets of
        our own on each processor, as many times as there are steps, arrive after it.  `inward`: from the LAN to the
        host.  Raises Undecided where they do not arrive.
        """
        ends = (self.proc, self.local) if inward else (self.local, self.proc)
        address = (self.host if inward else self.own)[socket.AF_INET]
        with ExitStack() as undo:
            out, into = (one.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC).value for one in ends)
            undo.callback(ends[0].close, out)
            undo.callback(ends[1].close, into)
            must(ends[1].bind(into, sockaddr(address, 0)), "a socket to be settled by")
            there = sockaddr(address, int.from_bytes(ends[1].getsockname(into).data[2:4], "big"))
            usual = ends[0].sched_getaffinity(0).data
            undo.callback(ends[0].sched_setaffinity, 0, usual)
            for _ in range(STEPS):
                _fence(ends[0], out, there, usual, ends[1], into)

    def rename(self, words: bytes) -> None:
        """Give the host's end of the link an alias: a name in words, which says and does nothing.  Raises BoxError."""
        body = rtnetlink.link(self.index) + attribute(IFLA.IFALIAS, words)
        _told(self.local, RTM.NEWLINK, body, "giving a link an alias")

    @contextmanager
    def ear(self) -> Iterator[Ear]:
        """What arrives at the machine from now on."""
        with _ear_of(self.proc) as ear:
            yield ear

    def close(self) -> None:
        """Remove the network, links first."""
        # At once and in order: a namespace that ends by itself ends some time later.
        with self.undo, suppress(AgentLost):  # which a signal to the whole run has ended: its network goes with it
            ask(self.local, NETLINK_ROUTE, message(RTM.DELLINK, REQUEST | ACK, rtnetlink.link(self.index)))


def lan_of_host(box: Box) -> Lan:
    """The LAN of the machine `box` stands on, the same for all its examples.  Raises Unsupported without the right.

    The link is a /30 of 198.18.0.0/15, which no network routes (RFC 2544), and a unique local /126; the far network is
    one address of 198.51.100.0/24 or 203.0.113.0/24 (RFC 5737) and one of 2001:db8::/32 (RFC 3849), which nobody has.
    """
    return kept(box, "lan", lambda: _lan_of(box))


def _fence(sender: Proc, out: int, there: bytes, usual: bytes, receiver: Proc, into: int) -> None:
    """One datagram from each processor of the mask `usual`; back when all have arrived."""
    token, program = secrets.token_bytes(8), Program()
    whole = int.from_bytes(usual, "little")
    processors = [number for number in range(whole.bit_length()) if whole >> number & 1]
    for number in processors:
        program.sched_setaffinity(0, (1 << number).to_bytes(len(usual), "little"))
        program.sendto(out, token, address=there)
    sender.run(program)
    until, missing = time.monotonic() + MOST_S, len(processors)
    while (
        missing and (left := until - time.monotonic()) > 0 and receiver.ppoll([(into, select.POLLIN)], left).value > 0
    ):
        missing -= receiver.recvfrom(into, 64, socket.MSG_DONTWAIT).data == token
    if missing:
        raise Undecided("packets between the host and a machine beside it do not arrive: its own rules drop them")


@contextmanager
def lan_to_change(box: Box) -> Iterator[Lan]:
    """The same, for an example that asks whether the box can change it: after one that failed there is another."""
    try:
        yield lan_of_host(box)
    except BaseException:
        if isinstance(changed := box.witnesses.pop("lan", None), Lan):
            changed.close()
        raise


def _lan_of(box: Box) -> Lan:
    with ExitStack() as undo:
        return _made(box, undo)


def _made(box: Box, undo: ExitStack) -> Lan:
    local = undo.enter_context(box.outside.process()).proc
    machine = undo.enter_context(box.outside.process())
    if not (apart := machine.proc.unshare(CLONE.NEWNET)).ok:
        raise Unsupported(f"a machine beside the host cannot be made ({apart})", cause=unless_root(NOT_ROOT))
    namespace = must(
        local.openat(AT_FDCWD, f"/proc/{machine.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC), "the machine's network"
    )
    name, inner = (f"pti{secrets.token_hex(5)}" for _ in range(2))
    asked = rtnetlink.veth(name, inner, namespace=namespace.value)
    answer = ask(local, NETLINK_ROUTE, message(RTM.NEWLINK, REQUEST | ACK | CREATE | EXCL, asked))
    local.close(namespace.value)
    if not answer.opened.ok or answer.errno in (errno.EPERM, errno.EOPNOTSUPP):
        raise Unsupported(f"a link to a LAN cannot be made ({answer})", "modprobe veth", cause=unless_root(NOT_ROOT))
    if answer.errno:
        raise BoxError(f"making a link to a LAN: {answer}")
    here, there, loopback = index_of(local, name), index_of(machine.proc, inner), index_of(machine.proc, "lo")
    for proc, index in ((local, here), (machine.proc, there), (machine.proc, loopback)):
        _told(proc, RTM.NEWLINK, rtnetlink.link(index, IFF_UP), "starting a link to a LAN")
    # Two links may have one address, but a route is had once: another run's LAN there is seen by it.
    own: dict[int, str] = {socket.AF_INET: _drawn(local, _of_lan, 32, index=here)}
    host: dict[int, str] = {socket.AF_INET: str(ip_address(own[socket.AF_INET]) - 1)}
    _give(local, here, host[socket.AF_INET], 30)
    _give(machine.proc, there, own[socket.AF_INET], 30)
    far: dict[int, str] = {socket.AF_INET: _drawn(local, _of_nobody, 32, by=own[socket.AF_INET])}
    _give(machine.proc, loopback, far[socket.AF_INET], 32)
    add_route(machine.proc, "0.0.0.0", 0, by=host[socket.AF_INET])
    unique = f"fd{secrets.token_hex(1)}:{secrets.token_hex(2)}:{secrets.token_hex(2)}::"
    if _give(local, here, f"{unique}1", 126, optional=True):
        host[socket.AF_INET6], own[socket.AF_INET6] = _usual(f"{unique}1"), _usual(f"{unique}2")
        _give(machine.proc, there, own[socket.AF_INET6], 126)
        far[socket.AF_INET6] = _drawn(local, _of_nobody_v6, 128, by=own[socket.AF_INET6])
        _give(machine.proc, loopback, far[socket.AF_INET6], 128)
        add_route(machine.proc, "::", 0, by=host[socket.AF_INET6])
    hardware = request(machine.proc, SIOCGIFHWADDR, inner).data[18:24]
    return Lan(name, here, local, machine.proc, there, hardware, host, own, far, undo.pop_all())


def _told(proc: Proc, kind: int, body: bytes, doing: str) -> None:
    answer = ask(proc, NETLINK_ROUTE, message(kind, REQUEST | ACK, body))
    if not answer.opened.ok or answer.errno:
        raise BoxError(f"{doing}: {answer}")


def _give(proc: Proc, index: int, address: str, prefix: int, *, optional: bool = False) -> bool:
    """Give a link an address, which is used at once: nobody else can have it (IFA_F_NODAD).  Raises BoxError."""
    family, packed = _packed(address)
    body = rtnetlink.address(family, prefix, index, IFA_F_NODAD if family == socket.AF_INET6 else 0)
    body += attribute(IFA.LOCAL, packed) + attribute(IFA.ADDRESS, packed)
    answer = ask(proc, NETLINK_ROUTE, message(RTM.NEWADDR, REQUEST | ACK | CREATE | EXCL, body))
    if (not answer.opened.ok or answer.errno) and not optional:
        raise BoxError(f"giving a link the address {address}: {answer}")
    return answer.opened.ok and not answer.errno


def add_route(proc: Proc, address: str, prefix: int, *, by: str = "", index: int = 0) -> bool:
    """A route by a gateway or by a link, in the main table.

    False where there is one already.  Raises BoxError.
    """
    family, packed = _packed(address)
    body = rtnetlink.route(family, prefix, scope=RT_SCOPE_UNIVERSE if by else RT_SCOPE_LINK)
    body += attribute(RTA.DST, packed) if prefix else b""
    body += attribute(RTA.GATEWAY, _packed(by)[1]) if by else attribute(RTA.OIF, struct.pack("<i", index))
    answer = ask(proc, NETLINK_ROUTE, message(RTM.NEWROUTE, REQUEST | ACK | CREATE | EXCL, body))
    if not answer.opened.ok or answer.errno not in (0, errno.EEXIST):
        raise BoxError(f"a route to {address}/{prefix}: {answer}")
    return not answer.errno


def _drawn(proc: Proc, draw: Callable[[], str], prefix: int, *, by: str = "", index: int = 0) -> str:
    """An address to which `proc` had no route, and has one now.  Raises BoxError."""
    for _ in range(DRAWS):
        if add_route(proc, address := draw(), prefix, by=by, index=index):
            return address
    raise BoxError(f"an address for a LAN: each of the {DRAWS} drawn has a route already, {address} the last")


def _of_lan() -> str:
    """The machine's: of 198.18.0.0/15, without the last /24 of each half, of which checks take addresses."""
    return f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(255)}.{4 * secrets.randbelow(64) + 2}"


def _of_nobody() -> str:
    return f"{('198.51.100', '203.0.113')[secrets.randbelow(2)]}.{1 + secrets.randbelow(254)}"


def _of_nobody_v6() -> str:
    return _usual(f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1")


def _usual(address: str) -> str:
    """An IPv6 address as the kernel writes it: RFC 5952."""
    return str(ip_address(address))


def _packed(address: str) -> tuple[int, bytes]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return family, socket.inet_pton(family, address)
