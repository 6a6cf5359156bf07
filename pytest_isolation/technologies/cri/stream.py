"""The streams of a container, as `kubectl attach` and `kubectl exec` have them: a WebSocket of the runtime's server.

Each message is a byte for the stream (0 input, 1 output, 2 errors, 3 how it ended) and its data.  The other side is
hostile: what it writes to its output cannot forge that byte.
Source: k8s.io/kubelet/pkg/cri/streaming/remotecommand, websocket.go: v4.channel.k8s.io.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pytest_isolation.agent import wire
from pytest_isolation.agent.channel import SEND_TIMEOUT_S, send_all
from pytest_isolation.errors import AgentLost, Unavailable, WireError
from pytest_isolation.technologies.cri.client import EXTRA
from pytest_isolation.technologies.telling import quoted

PROTOCOL = "v4.channel.k8s.io"
INPUT, OUTPUT, ERRORS, END = range(4)
ERRORS_KEPT = 4096
HELLO_SIZE = wire.HEADER.size + wire.WORD.size


def check_library() -> None:
    """Raises Unavailable without the library."""
    try:
        import websocket  # noqa: F401
    except ImportError:
        raise Unavailable(
            "the streams of the CRI are WebSockets, and websocket-client is not installed", EXTRA
        ) from None


class StreamedChannel:
    """A Channel (agent/channel.py) over the WebSocket at `url`, which it owns.

    `may_greet`: the agent was there before it: the hello that it says when it starts was heard by nobody, or comes now.
    """

    def __init__(self, url: str, *, may_greet: bool = False) -> None:
        check_library()
        import websocket

        self._timeout: Any = websocket.WebSocketTimeoutException
        self._broken = (websocket.WebSocketException, OSError)
        self._frame: Callable[[bytes], bytes] = lambda data: websocket.ABNF.create_frame(
            data, websocket.ABNF.OPCODE_BINARY
        ).format()
        self._kept = bytearray()
        self._may_greet = may_greet
        self.errors = bytearray()
        """The first bytes that were written to standard error, and how the process ended."""
        try:
            self._socket: Any = websocket.create_connection(
                url.replace("http", "ws", 1), timeout=SEND_TIMEOUT_S, subprotocols=[PROTOCOL], http_no_proxy=["*"]
            )
        except self._broken as error:
            raise AgentLost(f"the runtime's stream did not open ({error})") from None

    def send(self, data: bytes) -> None:
        """As Channel.send()."""
        try:
            if self._socket.sock is None:  # the library's word for one that the server has closed
                raise BrokenPipeError("it was closed")
            # Not by send_binary(): its time-out is one for each piece that is taken.
            send_all(self._socket.sock, self._frame(bytes([INPUT]) + data))
        except self._broken as error:
            raise AgentLost(f"the container's channel is closed ({error}){quoted(bytes(self.errors))}") from None

    def receive(self, count: int, deadline: float) -> bytes:
        """As Channel.receive()."""
        while not self._past_hello() or len(self._kept) < count:
            self._sort(self._more(deadline))
        taken = bytes(self._kept[:count])
        del self._kept[:count]
        return taken

    def _past_hello(self) -> bool:
        """Drop a late hello; returns whether none is half here."""
        if self._may_greet and len(self._kept) >= wire.HEADER.size:
            if wire.unpack_header(bytes(self._kept[: wire.HEADER.size])).kind is wire.Kind.HELLO:
                if len(self._kept) < HELLO_SIZE:
                    return False
                del self._kept[:HELLO_SIZE]
            self._may_greet = False
        return True

    def _more(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            self._socket.settimeout(left)
            _, data = self._socket.recv_data()
        except self._timeout:
            raise TimeoutError from None
        except self._broken as error:
            raise AgentLost(f"the container's channel is closed ({error}){quoted(bytes(self.errors))}") from None
        return bytes(data)

    def _sort(self, data: bytes) -> None:
        if not data:
            return
        kind = data[0]
        if kind == OUTPUT:
            self._kept += data[1:]
        elif kind in (ERRORS, END):
            self.errors += data[1 : 1 + max(0, ERRORS_KEPT - len(self.errors))]
            if kind == END and len(data) > 1:
                raise AgentLost(f"the process has ended{quoted(bytes(self.errors))}")
        else:
            raise WireError(f"no stream of a container's is numbered {kind}")

    def close(self) -> None:
        """End the stream; the container is not asked."""
        with suppress(*self._broken):
            self._socket.close(timeout=0)
