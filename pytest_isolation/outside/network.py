"""Listeners of the host: they decide whether somebody got through to it."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def sockaddr_in(address: str, port: int) -> bytes:
    """struct sockaddr_in, ip(7)."""
    return struct.pack("<H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(address) + bytes(8)


def sockaddr_in6(address: str, port: int) -> bytes:
    """struct sockaddr_in6, ipv6(7)."""
    packed = socket.inet_pton(socket.AF_INET6, address)
    return struct.pack("<H", socket.AF_INET6) + struct.pack(">HI", port, 0) + packed + bytes(4)


def sockaddr_un(name: bytes) -> bytes:
    """struct sockaddr_un, unix(7); a name that starts with a zero byte is abstract."""
    return struct.pack("<H", socket.AF_UNIX) + name


def gateways(table: bytes) -> list[str]:
    """The gateways' addresses in a /proc/net/route, proc(5)."""
    lines = [line.split() for line in table.decode().splitlines()[1:]]
    return [socket.inet_ntoa(struct.pack("<I", int(line[2], 16))) for line in lines if int(line[2], 16)]


@contextmanager
def listener(family: int, address: tuple[str, int] | str | bytes) -> Iterator[socket.socket]:
    """A listening socket of the host, which never blocks."""
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.bind(address)
        made.listen(8)
        made.setblocking(False)
        yield made


def reached(by: socket.socket) -> bool:
    """Whether somebody has connected since the last look."""
    try:
        connection, _ = by.accept()
    except BlockingIOError:
        return False
    connection.close()
    return True
