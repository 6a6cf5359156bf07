"""The attach stream of a container: every piece of output has a header that says whose it is.

Docker Engine API, ContainerAttach, "Stream format": a byte for the stream (1 stdout, 2 stderr), three
zeros, a big-endian length.  Input has no headers.  The other side is hostile: what it writes to its
stdout cannot forge a header, but the daemon's word is checked all the same.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent import wire
from pytest_isolation.agent.channel import SEND_TIMEOUT_S, send_all
from pytest_isolation.errors import AgentLost, BoxError, WireError
from pytest_isolation.technologies import inject
from pytest_isolation.technologies.telling import quoted

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent

HEADER = struct.Struct(">B3xI")
STDOUT, STDERR = 1, 2
ERRORS_KEPT = 4096
CHUNK = 256 << 10


class AttachedChannel:
    """A Channel (agent/channel.py) over the socket of an attach or an exec, which it owns.

    `early` is what was read past the HTTP answer's head.  `errors` are the first bytes the agent's
    process wrote to stderr: a runtime says there why it could not start it.
    """

    def __init__(self, sock: socket.socket, *, early: bytes = b"", keep: object = None) -> None:
        """`keep`: what must not be collected while the channel is open (the SDK closes a TLS socket then)."""
        self._socket, self._keep = sock, keep
        # A time-out of Python's own costs a poll(2) for every call; TLS has no other.
        self._encrypted = getattr(sock, "pending", None)
        sock.settimeout(SEND_TIMEOUT_S if self._encrypted else None)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._buffer = memoryview(bytearray(CHUNK))
        self._head = bytearray()
        self._stream, self._left = 0, 0
        self._kept = bytearray()
        self.errors = bytearray()
        if early:
            self._sort(memoryview(early))

    def send(self, data: bytes) -> None:
        """As Channel.send()."""
        try:
            send_all(self._socket, data)
        except OSError as error:
            raise AgentLost(
                f"the container's channel is closed ({error.strerror or error}){quoted(bytes(self.errors))}"
            ) from None

    def receive(self, count: int, deadline: float) -> bytes:
        """As Channel.receive()."""
        while len(self._kept) < count:
            self._sort(self._more(deadline))
        taken = bytes(self._kept[:count])
        del self._kept[:count]
        return taken

    def _more(self, deadline: float) -> memoryview:
        # TLS may hold decrypted bytes that poll(2) cannot see.
        if not (self._encrypted and self._encrypted()):
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TimeoutError
        try:
            count = self._socket.recv_into(self._buffer)
        except OSError as error:
            raise AgentLost(
                f"the container's channel broke ({error.strerror or error}){quoted(bytes(self.errors))}"
            ) from None
        if not count:
            raise AgentLost(
                f"the container's channel is closed: the agent, or its box, has ended{quoted(bytes(self.errors))}"
            )
        return self._buffer[:count]

    def _sort(self, view: memoryview) -> None:
        """Put each piece where it belongs; a piece may come in parts, and so may its header."""
        at, end = 0, len(view)
        while at < end:
            if not self._left:
                if self._head or end - at < HEADER.size:
                    part = view[at : at + HEADER.size - len(self._head)]
                    self._head += part
                    at += len(part)
                    if len(self._head) < HEADER.size:
                        return
                    self._stream, self._left = HEADER.unpack(self._head)
                    self._head.clear()
                else:
                    self._stream, self._left = HEADER.unpack_from(view, at)
                    at += HEADER.size
                if self._stream not in (STDOUT, STDERR) or self._left > wire.FRAME_MAX:
                    raise WireError(f"no header of a container's stream: stream {self._stream}, {self._left} bytes")
                continue
            piece = view[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            if self._stream == STDOUT:
                self._kept += piece
            else:
                self.errors += piece[: max(0, ERRORS_KEPT - len(self.errors))]

    def close(self) -> None:
        """End the stream; the container is not asked."""
        # shutdown ends the stream even while the SDK's response still refers to the socket.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._socket.close()


def channel(stream: Any) -> AttachedChannel:
    """The channel over what the SDK gives for attach_socket() or exec_start(socket=True).

    That is the raw socket below a buffered reader, which read the head of the HTTP answer and may
    have read on: the agent's hello, when it came in the same packet, is still in the buffer.
    """
    sock: socket.socket = getattr(stream, "_sock", stream)
    early = b""
    response = getattr(stream, "_response", None)
    if response is not None:
        buffered = response.raw._fp.fp
        sock.setblocking(False)
        with suppress(BlockingIOError):
            early = buffered.read1(CHUNK) if buffered.peek(1) else b""
    if not hasattr(sock, "pending"):
        # A descriptor of our own: the response may close its socket, we close ours.
        own = sock.dup()
        if response is not None:
            response.close()
        stream.close()
        return AttachedChannel(own, early=early)
    return AttachedChannel(sock, early=early, keep=response)


def hello(channel: AttachedChannel, name: str) -> Agent:
    """The agent that answers; raises BoxError with what the runtime said when none does."""
    from pytest_isolation.agent.client import Agent

    try:
        return Agent(channel)
    except AgentLost as error:
        channel.close()
        raise BoxError(f"the agent did not start in the container {name}: {error}. {inject.WHAT_ENDS_IT}") from None
