"""Listeners of the host: they decide whether somebody got through to it."""

from __future__ import annotations

import select
import socket
import struct
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.boxes.box import Box


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


def listening(proc: Proc, family: int, port: int) -> Reply:
    """Have `proc` listen on all its addresses of the family: the reply of listen(2), or of what was refused before."""
    program = Program(stop_on_error=True)
    fd = program.socket(family, socket.SOCK_STREAM)
    program.bind(fd, sockaddr("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    program.listen(fd)
    replies = proc.run(program)
    return replies[len(replies) - 1]


def is_open(proc: Proc, family: int, address: bytes) -> bool:
    """Whether `proc` gets a connection there, which it closes at once."""
    program = Program()
    fd = program.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connected = program.connect(fd, address)
    program.close(fd)
    return proc.run(program)[connected].ok


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
