"""How bytes travel to an agent: two descriptors, or a socket that somebody else multiplexes."""

from __future__ import annotations

import os
import select
import socket
import stat
import time
from typing import Protocol

from pytest_isolation.errors import AgentLost

SEND_TIMEOUT_S = 20
"""A box that stops reading, or takes a byte now and then, must not hold us for ever."""


class Channel(Protocol):
    """A byte stream both ways.  `receive` returns exactly `count` bytes."""

    def send(self, data: bytes) -> None:
        """Raises AgentLost when the other end is closed, or has not taken all of it after SEND_TIMEOUT_S."""

    def receive(self, count: int, deadline: float) -> bytes:
        """Raises AgentLost when the other end is closed, TimeoutError at `deadline` (monotonic seconds).

        After a TimeoutError the bytes that did arrive are kept for the next call.
        """

    def close(self) -> None:
        """May be called twice."""


class FdChannel:
    """A channel over two descriptors, which it owns (a pipe each way, a socket, a terminal)."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        self._fds = frozenset((reader, writer))
        self._poll = select.poll()
        self._poll.register(reader, select.POLLIN)
        self._room = select.poll()
        self._room.register(writer, select.POLLOUT)
        # A box may have our end of a socket open, and could make it wait: there each call says that it does not.
        one_socket = reader == writer and stat.S_ISSOCK(os.fstat(writer).st_mode)
        self._socket = socket.socket(fileno=writer) if one_socket else None
        if self._socket is None:
            os.set_blocking(writer, False)
        self._kept = bytearray()

    @property
    def descriptors(self) -> tuple[int, int]:
        """The one that is read of, and the one that is written to, which does not wait unless it is a socket."""
        return self._reader, self._writer

    def send(self, data: bytes) -> None:
        """As Channel.send()."""
        if not self._fds:
            raise AgentLost("the agent's channel was closed")
        view = memoryview(data)
        deadline = time.monotonic() + SEND_TIMEOUT_S
        try:
            while view := view[self._write(view) :]:
                left = deadline - time.monotonic()
                if left <= 0 or not self._room.poll(left * 1000):
                    raise _stopped(view)
        except OSError as error:
            raise AgentLost(f"the agent's channel is closed ({error.strerror})") from None

    def _write(self, view: memoryview) -> int:
        """How many bytes of it there was room for."""
        try:
            if self._socket is not None:
                return self._socket.send(view, socket.MSG_DONTWAIT)
            return os.write(self._writer, view)
        except BlockingIOError:
            return 0

    def receive(self, count: int, deadline: float) -> bytes:
        """As Channel.receive()."""
        while len(self._kept) < count:
            if not self._fds:
                raise AgentLost("the agent's channel was closed")
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TimeoutError
            self._kept += self._more(count - len(self._kept))
        taken = bytes(self._kept[:count])
        del self._kept[:count]
        return taken

    def _more(self, count: int) -> bytes:
        try:
            data = self._read(max(count, 65536))
        except BlockingIOError:
            return b""
        except ConnectionResetError:
            data = b""  # the other end of a socket, closed with something of ours unread
        except OSError as error:
            raise AgentLost(f"the agent's channel broke ({error.strerror})") from None
        if not data:
            raise AgentLost("the agent's channel is closed: the agent, or its box, has ended")
        return data

    def _read(self, most: int) -> bytes:
        return os.read(self._reader, most) if self._socket is None else self._socket.recv(most, socket.MSG_DONTWAIT)

    def close(self) -> None:
        """Close both descriptors."""
        # Twice is once: the numbers may be somebody else's by then.
        fds, self._fds = self._fds, frozenset()
        if fds and self._socket is not None:
            self._socket.detach()
        for fd in fds:
            try:
                os.close(fd)
            except OSError:
                pass


def send_all(sock: socket.socket, data: bytes) -> None:
    """Send all of `data` over a socket, an encrypted one too, in SEND_TIMEOUT_S altogether, however it is taken.

    Raises AgentLost where that is not enough, OSError where the other end is closed.
    """
    view, sent = memoryview(data), 0
    if not hasattr(sock, "pending"):
        try:
            sent = sock.send(view, socket.MSG_DONTWAIT)  # mostly all of it: a time-out of Python's own costs calls
        except BlockingIOError:
            pass
    deadline, before = time.monotonic() + SEND_TIMEOUT_S, sock.gettimeout()
    if not (view := view[sent:]):
        return
    try:
        while view:
            if (left := deadline - time.monotonic()) <= 0:
                raise _stopped(view)
            sock.settimeout(left)
            try:
                view = view[sock.send(view) :]
            except TimeoutError:
                raise _stopped(view) from None
    finally:
        sock.settimeout(before)


def _stopped(view: memoryview) -> AgentLost:
    return AgentLost(f"the box stopped reading: {len(view)} bytes not taken after {SEND_TIMEOUT_S:g} s")
