"""How bytes travel to an agent: two descriptors, or a socket that somebody else multiplexes."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from typing import Protocol

from pytest_isolation.errors import AgentLost

SEND_TIMEOUT_S = 20


class Channel(Protocol):
    """A byte stream both ways.  `receive` returns exactly `count` bytes."""

    def send(self, data: bytes) -> None:
        """Raises AgentLost when the other end is closed."""

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
        self._kept = bytearray()

    @property
    def descriptors(self) -> tuple[int, int]:
        """The one that is read of, and the one that is written to."""
        return self._reader, self._writer

    def send(self, data: bytes) -> None:
        """As Channel.send()."""
        if not self._fds:
            raise AgentLost("the agent's channel was closed")
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._writer, view) :]
        except OSError as error:
            raise AgentLost(f"the agent's channel is closed ({error.strerror})") from None

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
            data = os.read(self._reader, max(count, 65536))
        except ConnectionResetError:
            data = b""  # the other end of a socket, closed with something of ours unread
        except OSError as error:
            raise AgentLost(f"the agent's channel broke ({error.strerror})") from None
        if not data:
            raise AgentLost("the agent's channel is closed: the agent, or its box, has ended")
        return data

    def close(self) -> None:
        """Close both descriptors."""
        # Twice is once: the numbers may be somebody else's by then.
        fds, self._fds = self._fds, frozenset()
        for fd in fds:
            try:
                os.close(fd)
            except OSError:
                pass


def over_socket(fd: int) -> FdChannel:
    """A channel over a connected socket, which it owns: a box that stops reading must not hold us for ever."""
    with socket.socket(fileno=os.dup(fd)) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_TIMEOUT_S, 0))
    return FdChannel(fd, fd)
