"""Listeners of the host: they decide whether somebody got through to it."""

from __future__ import annotations

import secrets
import select
import socket
import struct
import time
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.outside.box import Box


def sockaddr_in(address: str, port: int) -> bytes:
    """struct sockaddr_in, ip(7)."""
    return struct.pack("<H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(address) + bytes(8)


def sockaddr_in6(address: str, port: int) -> bytes:
    """struct sockaddr_in6, ipv6(7)."""
    packed = socket.inet_pton(socket.AF_INET6, address)
    return struct.pack("<H", socket.AF_INET6) + struct.pack(">HI", port, 0) + packed + bytes(4)


def sockaddr(address: str, port: int) -> bytes:
    """Of the family that the address is written in."""
    return sockaddr_in6(address, port) if ":" in address else sockaddr_in(address, port)


def loopback(family: int, port: int) -> bytes:
    """The address of the loopback interface."""
    return sockaddr("::1" if family == socket.AF_INET6 else "127.0.0.1", port)


@dataclass(frozen=True, slots=True)
class Door:
    """A listener that a process of a box has, or was refused: `reply` is listen(2)'s, or of what failed before it.

    A connection to its port is one to the box only if this listener has taken it: a process of the host may listen on
    the same number, and its answer looks the same from outside.
    """

    proc: Proc
    fd: int
    reply: Reply

    def heard(self, token: bytes, seconds: float = 1.0) -> bool:
        """Whether a connection that begins with `token` has come, or comes within `seconds`.  Others are dropped."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self.proc.ppoll([(self.fd, select.POLLIN)], left).value > 0:
            taken = self.proc.accept4(self.fd, socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
            if not taken.ok:
                continue
            self.proc.ppoll([(taken.value, select.POLLIN)], max(until - time.monotonic(), 0.05))
            data = self.proc.recvfrom(taken.value, len(token)).data
            # At once, with a reset: a connection that waits for its last packets keeps the port from the next example.
            self.proc.setsockopt(taken.value, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("<ii", 1, 0))
            self.proc.close(taken.value)
            if data == token:
                return True
        return False


def listening(proc: Proc, family: int, port: int) -> Door:
    """Have `proc` listen on all its addresses of the family."""
    program = Program(stop_on_error=True)
    fd = program.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    program.bind(fd, sockaddr("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    program.listen(fd)
    replies = proc.run(program)
    return Door(proc, replies[fd].value, replies[len(replies) - 1])


@contextmanager
def calling(proc: Proc, address: bytes, token: bytes = b"") -> Iterator[bool]:
    """Have `proc` connect to a `sockaddr` and send `token`; whether somebody took it.  It is closed at the end."""
    program = Program(stop_on_error=True)
    fd = program.socket(int.from_bytes(address[:2], "little"), socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    # What a filter drops is not waited for: an answer of this machine's comes at once.
    program.setsockopt(fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("qq", 0, 500_000))
    connected = program.connect(fd, address)
    if token:
        program.sendto(fd, token, socket.MSG_NOSIGNAL)
    replies = proc.run(program)
    try:
        yield replies.ran(connected) and replies[connected].ok
    finally:
        if replies[fd].ok:
            proc.close(replies[fd].value)


def is_open(proc: Proc, address: bytes) -> bool:
    """Whether anybody takes a connection of `proc` there, which it closes at once."""
    with calling(proc, address) as taken:
        return taken


def new_token() -> bytes:
    """What tells a connection of ours from everybody else's."""
    return secrets.token_bytes(8)


def sockaddr_un(name: bytes) -> bytes:
    """struct sockaddr_un, unix(7); a name that starts with a zero byte is abstract."""
    return struct.pack("<H", socket.AF_UNIX) + name


def gateways(table: bytes) -> list[str]:
    """The gateways' addresses in a /proc/net/route, proc(5)."""
    lines = [line.split() for line in table.decode().splitlines()[1:]]
    return [socket.inet_ntoa(struct.pack("<I", int(line[2], 16))) for line in lines if int(line[2], 16)]


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket of the host, which never blocks; `address` is what getsockname(2) says."""

    proc: Proc
    fd: int
    address: bytes

    @property
    def port(self) -> int:
        return int.from_bytes(self.address[2:4], "big")


@contextmanager
def bound(box: Box, family: int, address: bytes, kind: int = socket.SOCK_STREAM) -> Iterator[Socket]:
    """A socket of the host with an address (`sockaddr_in` and its kin); one of streams listens.  Raises BoxError."""
    program = Program(stop_on_error=True)
    fd = program.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    program.bind(fd, address)
    if kind == socket.SOCK_STREAM:
        program.listen(fd)
    name = program.getsockname(fd)
    proc = box.outside.proc
    replies = proc.run(program)
    if not replies[fd].ok:
        raise BoxError(f"a socket of the host to witness with: {replies[fd]}")
    try:
        if not replies.ran(name):
            raise BoxError(f"a socket of the host to witness with: {replies[len(replies) - 1]}")
        yield Socket(proc, replies[fd].value, replies[name].data)
    finally:
        proc.close(replies[fd].value)


def listener(box: Box, family: int, address: bytes) -> AbstractContextManager[Socket]:
    """A listening socket of the host, which never blocks."""
    return bound(box, family, address)


def reached(by: Socket) -> bool:
    """Whether somebody has connected since the last look."""
    accepted = by.proc.accept4(by.fd, socket.SOCK_CLOEXEC)
    if not accepted.ok:
        return False
    by.proc.close(accepted.value)
    return True


def received(by: Socket, seconds: float) -> bytes:
    """The datagram that came, or comes within `seconds`; b"" for none."""
    by.proc.ppoll([(by.fd, select.POLLIN)], seconds)
    return by.proc.recvfrom(by.fd, 65536, socket.MSG_DONTWAIT).data
