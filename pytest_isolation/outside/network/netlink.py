"""Messages of netlink(7), for checks that ask the kernel by that road: any process has it, whatever /proc shows.

A message is struct nlmsghdr (length, kind, flags, number, port), a body of its kind, and attributes (rtnetlink(7)).
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import Undecided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc, Reply

NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER, NETLINK_KOBJECT_UEVENT = 0, 4, 12, 15
REQUEST, ACK, DUMP, CREATE, EXCL = 1, 4, 0x300, 0x400, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
PATIENCE_S = 1.0
"""For the next part of an answer."""
NO_ONE = struct.pack("<HHII", socket.AF_NETLINK, 0, 0, 0)
"""The kernel's own address."""
PARTS = 16
"""What one read of a dump holds is 32 KiB at most: more than our own tables fill."""
NO_SOCKET = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""Refusals of a socket that say nothing of the question."""


def message(kind: int, flags: int, body: bytes, number: int = 1) -> bytes:
    """struct nlmsghdr, netlink(7), from port 0, with `body`."""
    return struct.pack("<IHHII", 16 + len(body), kind, flags, number, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """struct nlattr with its padding."""
    return struct.pack("<HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


@dataclass(frozen=True, slots=True)
class Answer:
    """`opened`, `sent`: the replies of socket(2) and sendto(2); `data`: what the kernel answered, read by read."""

    opened: Reply
    sent: Reply
    data: tuple[bytes, ...]

    @property
    def errno(self) -> int:
        """0 where the kernel did it, and where it never got as far; else what the first refusal in `data` says."""
        for part in self.data:
            for kind, at in _messages(part):
                (number,) = struct.unpack_from("<i", part, at + 16)
                if kind == NLMSG_ERROR and number:
                    return -int(number)
        return 0

    def __contains__(self, wanted: bytes) -> bool:
        return any(wanted in part for part in self.data)

    def __str__(self) -> str:
        if not self.opened.ok:
            return str(self.opened)
        refused = errno.errorcode.get(self.errno, "")
        return f"{self.sent}, answered {refused or f'{sum(map(len, self.data))} bytes'}"


def ask(proc: Proc, protocol: int, *messages: bytes) -> Answer:
    """Send `messages` in one packet and read what comes back; the socket is closed again.

    The kernel has answered when sendto(2) returns.  A supervisor that answers in its place has not: it is waited for.
    """
    program = Program()
    fd = program.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    sent = program.sendto(fd, b"".join(messages), address=NO_ONE)
    replies = proc.run(program)
    opened, data = replies[fd], list[bytes]()
    if opened.ok:
        for _ in range(PARTS if replies[sent].ok else 0):
            waited = proc.ppoll([(opened.value, select.POLLIN)], PATIENCE_S)
            if waited.ok and not waited.value:
                break
            program = Program()
            reads = [program.recvfrom(opened.value, 32768, socket.MSG_DONTWAIT) for _ in range(PARTS)]
            found = proc.run(program)
            parts = [found[one].data for one in reads if found[one].data]
            data += parts
            if not parts or any(kind in (NLMSG_ERROR, NLMSG_DONE) for part in parts for kind, _ in _messages(part)):
                break
        proc.close(opened.value)
    return Answer(opened, replies[sent], tuple(data))


def _messages(part: bytes) -> Iterator[tuple[int, int]]:
    """(kind, where its header begins) of each message of a packet."""
    at = 0
    while at + 20 <= len(part):
        length, kind = struct.unpack_from("<IH", part, at)
        yield kind, at
        at += max(length + 3 & ~3, 16)


def subscribed(proc: Proc, protocol: int, group: int = 1) -> Reply:
    """A socket of `proc` that hears a group: bind(2)'s refusal, or socket(2)'s reply."""
    opened = proc.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    if not opened.ok:
        return opened
    bound = proc.bind(opened.value, struct.pack("<HHII", socket.AF_NETLINK, 0, 0, group))
    if not bound.ok:
        proc.close(opened.value)
        return bound
    return opened


def heard(proc: Proc, fd: int, wanted: bytes, seconds: float) -> bool:
    """Whether a message that has `wanted` in it has come, or comes within `seconds`.

    Raises Undecided where the socket had no room for all that was told, and it is not among what is left.
    """
    until, lost = time.monotonic() + seconds, False
    while True:
        reply = proc.recvfrom(fd, 32768, socket.MSG_DONTWAIT)
        data = reply.data
        if wanted in data:
            return True
        if reply.errno == errno.ENOBUFS:  # netlink(7): told once, before what is left
            lost = True
            continue
        left = until - time.monotonic()
        if not data and (left <= 0 or proc.ppoll([(fd, select.POLLIN)], left).value <= 0):
            if lost:
                raise Undecided("the kernel has told more than a socket holds: what is looked for may have been lost")
            return False
