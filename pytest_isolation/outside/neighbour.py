"""A neighbour of the host's: another address on a link of its, that sends it packets as any machine of the LAN could.

The link is a TUN device (outside/links.py): what is written to it the host's kernel receives as from a wire, with its
routes, its filters and its translations.  So the neighbour needs no stack of its own, and may send what a stack would
not: a packet for 127.0.0.1.  Sources: kernel networking/tuntap.rst, RFC 9293, RFC 791, RFC 8200.
"""

from __future__ import annotations

import secrets
import select
import socket
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.memory import In
from pytest_isolation.outside.links import SIOCSIFADDR, Link, index_of, made

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.box import Box

SYN, RST, ACK = 2, 4, 16
WAIT_S = 0.15
"""How long an answer may take: it never leaves the machine."""
NEIGHBOURS = "255.255.255.252"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`host`, `own`: the addresses of the two ends, IPv4 and, where the host has it, IPv6; by family."""

    link: Link
    host: dict[int, str]
    own: dict[int, str]
    undo: ExitStack

    def is_answered(self, address: str, port: int) -> bool:
        """Whether somebody takes a TCP connection there: a SYN is sent, and its SYN-ACK is taken back with a RST."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        source, target = (socket.inet_pton(family, one) for one in (self.own[family], address))
        ours, number = 1024 + secrets.randbelow(30_000), secrets.randbits(32)
        proc, fd = self.link.proc, self.link.fd
        proc.write(fd, packet(source, target, ours, port, number, SYN))
        while proc.ppoll([(fd, select.POLLIN)], WAIT_S).value > 0:
            flags = flags_of(proc.read(fd, 2048).data, port, ours)
            if flags is not None:
                taken = flags & (SYN | ACK) == SYN | ACK
                if taken:
                    proc.write(fd, packet(source, target, ours, port, number + 1 & 0xFFFF_FFFF, RST))
                return taken
        return False

    def close(self) -> None:
        self.undo.close()


def neighbour_of_host(box: Box) -> Neighbour:
    """The neighbour of the machine `box` stands on, the same for all examples.  Raises Unsupported without TUN devices.

    Its link is a /30 of 198.18.0.0/15, which no network routes (RFC 2544), and a unique local /126.
    """
    kept = box.witnesses.get("neighbour")
    if not isinstance(kept, Neighbour):
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
            kept = box.witnesses["neighbour"] = Neighbour(link, host, own, undo.pop_all())
    return kept


def _takes(proc: Proc, name: str, address: str) -> bool:
    """Give the link an IPv6 address: struct in6_ifreq, ipv6(7).  False where the host has no IPv6."""
    asked = socket.inet_pton(socket.AF_INET6, address) + struct.pack("<Ii", 126, index_of(proc, name))
    opened = proc.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    if not opened.ok:
        return False
    given = proc.ioctl(opened.value, SIOCSIFADDR, In(asked))
    proc.close(opened.value)
    return given.ok


def packet(source: bytes, target: bytes, ours: int, theirs: int, number: int, flags: int) -> bytes:
    """An IP packet with a TCP segment without data."""
    segment = struct.pack(">HHIIBBHHH", ours, theirs, number, 0, 5 << 4, flags, 65535, 0, 0)
    length = len(segment)
    six = len(source) == 16
    pseudo = source + target + (struct.pack(">IHBB", length, 0, 0, 6) if six else struct.pack(">BBH", 0, 6, length))
    segment = segment[:16] + checksum(pseudo + segment) + segment[18:]
    if six:
        return struct.pack(">IHBB", 6 << 28, length, 6, 64) + source + target + segment
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, secrets.randbits(16), 0, 64, 6, 0) + source + target
    return head[:10] + checksum(head) + head[12:] + segment


def checksum(data: bytes) -> bytes:
    """RFC 1071, of an even number of bytes."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)


def flags_of(data: bytes, theirs: int, ours: int) -> int | None:
    """The flags of a TCP segment from port `theirs` to `ours`; None for any other packet."""
    if len(data) >= 60 and data[0] >> 4 == 6 and data[6] == 6:
        segment = data[40:]
    elif len(data) >= 40 and data[0] >> 4 == 4 and data[9] == 6:
        segment = data[4 * (data[0] & 15) :]
    else:
        return None
    return segment[13] if struct.unpack_from(">HH", segment) == (theirs, ours) else None
