"""The streams of engines: a container that takes a byte now and then does not hold whoever sends."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_isolation.agent.channel import Channel
from pytest_isolation.errors import AgentLost
from pytest_isolation.technologies.cri.stream import PROTOCOL, StreamedChannel
from pytest_isolation.technologies.docker.stream import AttachedChannel

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""


@contextmanager
def attached() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with theirs:
        channel = AttachedChannel(ours)
        try:
            yield channel, theirs
        finally:
            channel.close()


@contextmanager
def streamed() -> Iterator[tuple[Channel, socket.socket]]:
    """As a container runtime's server answers, over one connection."""
    pytest.importorskip("websocket")
    taken: list[socket.socket] = []

    def serve() -> None:
        theirs, _ = ear.accept()
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += theirs.recv(4096)
        heads = dict(line.split(b": ", 1) for line in asked.split(b"\r\n") if b": " in line)
        accept = base64.b64encode(hashlib.sha1(heads[b"Sec-WebSocket-Key"] + MAGIC).digest())
        theirs.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n" % (PROTOCOL.encode(), accept)
        )
        taken.append(theirs)

    with socket.create_server(("127.0.0.1", 0)) as ear:
        serving = threading.Thread(target=serve)
        serving.start()
        channel = StreamedChannel(f"http://127.0.0.1:{ear.getsockname()[1]}/")
        serving.join()
    with taken[0]:
        try:
            yield channel, taken[0]
        finally:
            channel.close()


@pytest.mark.parametrize("kind", [attached, streamed])
def test_one_that_takes_little_at_a_time_does_not_hold_us(kind: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """red: a time-out that begins anew with each piece that is taken."""
    monkeypatch.setattr("pytest_isolation.agent.channel.SEND_TIMEOUT_S", 0.5)
    for name in ("docker", "cri"):
        monkeypatch.setattr(f"pytest_isolation.technologies.{name}.stream.SEND_TIMEOUT_S", 0.5)
    ended = threading.Event()

    def take(theirs: socket.socket) -> None:
        while not ended.wait(0.1):
            theirs.recv(256 << 10)

    with kind() as (channel, theirs):  # type: ignore[operator]
        slow = threading.Thread(target=take, args=(theirs,))
        slow.start()
        try:
            with pytest.raises(AgentLost, match=r"the box stopped reading: \d+ bytes not taken after 0.5 s"):
                channel.send(bytes(64 << 20))
        finally:
            ended.set()
            slow.join()


@pytest.mark.parametrize("kind", [attached, streamed])
def test_all_arrives_at_one_that_takes_it_late(kind: object) -> None:
    sent, got = bytes(range(256)) * (4 << 10), bytearray()

    def take(theirs: socket.socket) -> None:
        while len(got) < len(sent):
            got.extend(theirs.recv(1 << 16))

    with kind() as (channel, theirs):  # type: ignore[operator]
        slow = threading.Thread(target=take, args=(theirs,))
        slow.start()
        channel.send(sent)
        slow.join()
    assert len(got) >= len(sent)


@pytest.mark.parametrize("kind", [attached, streamed])
def test_one_that_was_closed_is_lost(kind: object) -> None:
    with kind() as (channel, theirs):  # type: ignore[operator]
        theirs.close()
        with pytest.raises(AgentLost, match="closed"):
            channel.receive(1, time.monotonic() + 10)
        with pytest.raises(AgentLost, match="closed"):
            channel.send(b"x")
