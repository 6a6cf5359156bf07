"""Listeners of the host: they decide whether somebody got through to it."""

from __future__ import annotations

import errno
import secrets
import select
import socket
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.network.patience import LONG_DATAGRAM_S, Patience, patience
from pytest_isolation.outside.processes import process_of_host

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence

    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.boxes.box import RunningBox


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


UNIX_KINDS = {"stream": socket.SOCK_STREAM, "packet": socket.SOCK_SEQPACKET, "datagram": socket.SOCK_DGRAM}
"""unix(7)."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A listener that a process of a box has, or was refused: `reply` is listen(2)'s, or of what failed before it.

    A connection to its port is one to the box only if this listener has taken it: a process of the host may listen on
    the same number, and its answer looks the same from outside.
    """

    proc: Proc
    fd: int
    reply: Reply

    def heard(self, token: bytes, seconds: float = 3.0) -> bool:
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


def listening(proc: Proc, family: int, port: int) -> Listening:
    """Have `proc` listen on all its addresses of the family."""
    program = Program(stop_on_error=True)
    fd = program.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    program.bind(fd, sockaddr("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    program.listen(fd)
    replies = proc.run(program)
    return Listening(proc, replies[fd].value, replies[len(replies) - 1])


@contextmanager
def calling(proc: Proc, waits: Patience, address: bytes, token: bytes = b"") -> Iterator[bool]:
    """Have `proc` connect to a `sockaddr` and send `token`; whether somebody took it.  It is closed at the end.

    `waits`: of the box that the call is meant for.
    """
    program = Program(stop_on_error=True)
    fd = program.socket(int.from_bytes(address[:2], "little"), socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    way = _way(proc, address)
    whole, rest = divmod(int(waits.seconds(way) * 1_000_000), 1_000_000)
    program.setsockopt(fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("qq", whole, rest))
    connected = program.connect(fd, address)
    if token:
        program.sendto(fd, token, socket.MSG_NOSIGNAL)
    replies = proc.run(program)
    if replies.ran(connected) and replies[connected].errno == errno.EINPROGRESS:  # socket(7), SO_SNDTIMEO
        waits.silent(way)
    try:
        yield replies.ran(connected) and replies[connected].ok
    finally:
        if replies[fd].ok:
            proc.close(replies[fd].value)


def is_open(proc: Proc, waits: Patience, address: bytes) -> bool:
    """Whether anybody takes a connection of `proc` there, which it closes at once."""
    with calling(proc, waits, address) as taken:
        return taken


def _way(proc: Proc, address: bytes) -> tuple[object, ...]:
    """A `sockaddr` without its port: what drops one port of an address drops the next one, too."""
    family = int.from_bytes(address[:2], "little")
    return (proc.agent, address[8:] if family == socket.AF_VSOCK else address[:2] + address[4:])


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
        """Of an AF_INET or AF_INET6 address: ip(7), ipv6(7)."""
        return int.from_bytes(self.address[2:4], "big")


@contextmanager
def bound(box: RunningBox, family: int, address: bytes, kind: int = socket.SOCK_STREAM) -> Iterator[Socket]:
    """A socket of the host with an address (`sockaddr_in` and its kin); one of streams listens.  Raises BoxError."""
    program = Program(stop_on_error=True)
    fd = program.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    program.bind(fd, address)
    if kind == socket.SOCK_STREAM:
        program.listen(fd)
    name = program.getsockname(fd)
    proc = process_of_host(box)
    replies = proc.run(program)
    if not replies[fd].ok:
        raise BoxError(f"a socket of the host to witness with: {replies[fd]}")
    try:
        if not replies.ran(name):
            raise BoxError(f"a socket of the host to witness with: {replies[len(replies) - 1]}")
        yield Socket(proc, replies[fd].value, replies[name].data)
    finally:
        proc.close(replies[fd].value)


@dataclass(frozen=True, slots=True)
class Knock:
    """What became of a connection to a listener of ours: the replies, and whether that listener took it."""

    arrived: bool
    told: tuple[Reply, ...]


def knock(box: RunningBox, address: bytes, service: Socket, proc: Proc | None = None) -> Knock:
    """Have a process of the box (its own, or `proc`) connect to a `sockaddr`: does it arrive at `service`?

    No answer is a refusal only when it lasted: patience.py.  Where the box gives no socket, the first reply is that.
    """
    proc = box.proc if proc is None else proc
    family, waits, way = int.from_bytes(address[:2], "little"), patience(box), _way(proc, address)
    opened = proc.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if not opened.ok:
        return Knock(False, (opened,))
    told = [proc.connect(opened.value, address)]
    if told[0].errno == errno.EINPROGRESS:
        told.append(proc.ppoll([(opened.value, select.POLLOUT)], waits.seconds(way)))
        if told[1].value == 0:
            waits.silent(way)
    # Who connects is let on before the listener has it to accept; somebody else may listen there as well.
    arrived = reached(service, SETTLE_S if connected(told) else 0.0)
    proc.close(opened.value)
    return Knock(arrived, tuple(told))


SETTLE_S = 0.5
"""How long a connection that was made may take to be there for accept(2)."""
POLLERR, POLLHUP = 8, 16


def connected(told: Sequence[Reply]) -> bool:
    """Whether connect(2), and ppoll(2) after it, say that somebody has taken the connection."""
    if len(told) == 1:
        return told[0].ok
    return told[1].value > 0 and not struct.unpack_from("<h", told[1].data, 6)[0] & (POLLERR | POLLHUP)


def reached(by: Socket, seconds: float = 0.0) -> bool:
    """Whether somebody has connected since the last look, or does within `seconds`."""
    if seconds:
        by.proc.ppoll([(by.fd, select.POLLIN)], seconds)
    accepted = by.proc.accept4(by.fd, socket.SOCK_CLOEXEC)
    if not accepted.ok:
        return False
    by.proc.close(accepted.value)
    return True


def received(box: RunningBox, by: Socket, way: Hashable, sent: Iterable[Reply]) -> bytes:
    """The datagram that came; b"" for none.  `sent`: what the box's calls answered.

    Where none let anything out, nothing is waited for.  `way`: how it was sent: what was silent for long is waited for
    briefly.
    """
    seconds = _datagram_seconds(box, way, sent)
    if seconds and by.proc.ppoll([(by.fd, select.POLLIN)], seconds).value == 0:
        patience(box).silent((box.proc.agent, way))
    return by.proc.recvfrom(by.fd, 65536, socket.MSG_DONTWAIT).data


def arrives(box: RunningBox, ear: Proc, fd: int, mark: bytes, way: Hashable, sent: Iterable[Reply]) -> bytes | None:
    """The packet with `mark` in it that comes to a socket of `ear`'s, among those of others; None for none.

    `way`, `sent`: as of received().
    """
    seconds = _datagram_seconds(box, way, sent)
    until = time.monotonic() + seconds
    while True:
        while data := ear.recvfrom(fd, 65536, socket.MSG_DONTWAIT).data:
            if mark in data:
                return data
            if time.monotonic() > until + MOST_S:
                break  # others send without end
        left = until - time.monotonic()
        if left <= 0 or ear.ppoll([(fd, select.POLLIN)], left).value <= 0:
            if seconds:
                patience(box).silent((box.proc.agent, way))
            return None


MOST_S = 2.0
"""How long the packets of others are read past."""


def _datagram_seconds(box: RunningBox, way: Hashable, sent: Iterable[Reply]) -> float:
    if not any(reply.ok for reply in sent):
        return 0.0
    return patience(box).seconds((box.proc.agent, way), LONG_DATAGRAM_S)
