"""A neighbour of the host's: another address on a link of its, that sends it packets as any machine of the LAN could.

The link is a TUN device (outside/network/links.py): what is written to it the host's kernel receives as from a wire,
with its routes, its filters and its translations.  So the neighbour needs no stack of its own, and may send what a
stack would not: a packet for 127.0.0.1.  Sources: kernel networking/tuntap.rst, RFC 9293, RFC 791, RFC 8200.
"""

from __future__ import annotations

import secrets
import select
import socket
import struct
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_isolation.agent.memory import In
from pytest_isolation.outside.keeping import kept
from pytest_isolation.outside.network.links import SIOCSIFADDR, Link, index_of, made
from pytest_isolation.outside.network.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

SYN, RST, PSH, ACK = 2, 4, 8, 16
LONG_S = 1.0
"""How long the first answer by an address may take: it never leaves the machine, and is not asked for again."""
MOST_S = 2.0
"""How long other packets on the link are read past."""
NEIGHBOURS = "255.255.255.252"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`host`, `own`: the addresses of the two ends, IPv4 and, where the host has it, IPv6; by family."""

    link: Link
    host: dict[int, str]
    own: dict[int, str]
    undo: ExitStack
    waits: Patience = field(default_factory=Patience)

    @contextmanager
    def calling(self, address: str, port: int, token: bytes = b"") -> Iterator[bool]:
        """Open a TCP connection and send `token`; whether somebody took it.  At the end it is reset.

        A SYN that is answered with SYN and ACK is acknowledged, so that the listener gets the connection to accept.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        source, target = (socket.inet_pton(family, one) for one in (self.own[family], address))
        ours, number = 1024 + secrets.randbelow(30_000), secrets.randbits(32)

        def send(flags: int, ahead: int, acknowledged: int, data: bytes = b"") -> None:
            at = number + ahead & 0xFFFF_FFFF
            self.link.proc.write(self.link.fd, packet(source, target, ours, port, at, flags, acknowledged, data))

        send(SYN, 0, 0)
        theirs = self._taken(address, port, ours)
        if theirs is None:
            yield False
            return
        following = theirs + 1 & 0xFFFF_FFFF
        send(ACK | PSH if token else ACK, 1, following, token)
        try:
            yield True
        finally:
            send(RST | ACK, 1 + len(token), following)

    def _taken(self, address: str, port: int, ours: int) -> int | None:
        """The number in the SYN-ACK that comes back; None for a refusal, or for no answer in time."""
        proc, fd = self.link.proc, self.link.fd
        seconds = self.waits.seconds(address, LONG_S)
        until = time.monotonic() + seconds + MOST_S
        while time.monotonic() < until and proc.ppoll([(fd, select.POLLIN)], seconds).value > 0:
            answer = segment_of(proc.read(fd, 2048).data, port, ours)
            if answer is not None:
                flags, number = answer
                return number if flags & (SYN | ACK) == SYN | ACK else None
        self.waits.silent(address)
        return None

    def is_answered(self, address: str, port: int) -> bool:
        """Whether anybody takes a TCP connection there."""
        with self.calling(address, port) as taken:
            return taken

    def close(self) -> None:
        """End what was started for it."""
        self.undo.close()


def neighbour_of_host(box: Box) -> Neighbour:
    """The neighbour of the machine `box` stands on, the same for all examples.  Raises Unsupported without TUN devices.

    Its link is a /30 of 198.18.0.0/15, which no network routes (RFC 2544), and a unique local /126.
    """
    return kept(box, "neighbour", lambda: _neighbour(box))


def _neighbour(box: Box) -> Neighbour:
    with ExitStack() as undo:
        proc = undo.enter_context(box.outside.process()).proc
        net = f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}"
        first = 4 * secrets.randbelow(64) + 1
        host: dict[int, str] = {socket.AF_INET: f"{net}.{first}"}
        own: dict[int, str] = {socket.AF_INET: f"{net}.{first + 1}"}
        link = made(proc, host[socket.AF_INET], NEIGHBOURS)
        six = f"fd{secrets.token_hex(1)}:{secrets.token_hex(2)}:{secrets.token_hex(2)}::"
        if _takes(proc, link.name, f"{six}1"):
            host[socket.AF_INET6], own[socket.AF_INET6] = f"{six}1", f"{six}2"
        return Neighbour(link, host, own, undo.pop_all())


def _takes(proc: Proc, name: str, address: str) -> bool:
    """Give the link an IPv6 address: struct in6_ifreq, ipv6(7).  False where the host has no IPv6."""
    asked = socket.inet_pton(socket.AF_INET6, address) + struct.pack("<Ii", 126, index_of(proc, name))
    opened = proc.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    if not opened.ok:
        return False
    given = proc.ioctl(opened.value, SIOCSIFADDR, In(asked))
    proc.close(opened.value)
    return given.ok


def packet(
    source: bytes,
    target: bytes,
    ours: int,
    theirs: int,
    number: int,
    flags: int,
    acknowledged: int = 0,
    data: bytes = b"",
) -> bytes:
    """An IP packet with a TCP segment."""
    segment = struct.pack(">HHIIBBHHH", ours, theirs, number, acknowledged, 5 << 4, flags, 65535, 0, 0) + data
    length = len(segment)
    six = len(source) == 16
    pseudo = source + target + (struct.pack(">IHBB", length, 0, 0, 6) if six else struct.pack(">BBH", 0, 6, length))
    segment = segment[:16] + checksum(pseudo + segment) + segment[18:]
    if six:
        return struct.pack(">IHBB", 6 << 28, length, 6, 64) + source + target + segment
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, secrets.randbits(16), 0, 64, 6, 0) + source + target
    return head[:10] + checksum(head) + head[12:] + segment


def checksum(data: bytes) -> bytes:
    """RFC 1071; of an odd number of bytes, as if a zero followed."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)


def segment_of(data: bytes, theirs: int, ours: int) -> tuple[int, int] | None:
    """Flags and sequence number of a TCP segment from port `theirs` to `ours`; None for any other packet."""
    if len(data) >= 60 and data[0] >> 4 == 6 and data[6] == 6:
        segment = data[40:]
    elif len(data) >= 40 and data[0] >> 4 == 4 and data[9] == 6:
        segment = data[4 * (data[0] & 15) :]
    else:
        return None
    if struct.unpack_from(">HH", segment) != (theirs, ours):
        return None
    return segment[13], int.from_bytes(segment[4:8], "big")
