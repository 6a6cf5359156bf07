"""The other side of the wire is hostile: whatever it sends is an answer or a WireError, never anything else."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_isolation.agent import wire
from pytest_isolation.agent.channel import FdChannel
from pytest_isolation.agent.client import Agent, Program
from pytest_isolation.errors import AgentLost, ProcLost, WireError

HELLO = wire.HEADER.pack(4, 0, wire.Kind.HELLO, 0, 0, 0, 0, 0, 0) + struct.pack("<I", wire.VERSION << 16 | 1)


@contextmanager
def peer_that_sends(data: bytes) -> Iterator[FdChannel]:
    """A channel whose other end said `data` and hung up; what we send it is thrown away."""
    reader, writer = os.pipe()
    sink = os.open(os.devnull, os.O_WRONLY)
    os.set_blocking(writer, False)
    os.write(writer, data[:60_000])
    os.close(writer)
    channel = FdChannel(reader, sink)
    try:
        yield channel
    finally:
        channel.close()


def over(ours: socket.socket) -> FdChannel:
    fd = ours.detach()
    return FdChannel(fd, fd)


@given(st.binary(max_size=64))
def test_header_of_anything(data: bytes) -> None:
    try:
        header = wire.unpack_header(data)
    except WireError:
        return
    assert header.length <= wire.FRAME_MAX
    assert len(header.path) <= wire.DEPTH_MAX


@given(st.binary(max_size=400), st.integers(0, 5), st.lists(st.integers(0, 64), max_size=4))
def test_answer_of_anything(payload: bytes, calls: int, rooms: list[int]) -> None:
    sent = wire.Frame([wire.Op(0, ())] * calls, [wire.Out(0, room) for room in rooms], 64)
    try:
        answer = wire.unpack_answer(payload, sent)
    except WireError:
        return
    assert len(answer.results) <= calls
    assert all(len(out) <= room for out, room in zip(answer.outs, rooms, strict=True))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_agent_that_says_anything_first(data: bytes) -> None:
    with peer_that_sends(data) as channel, pytest.raises(AgentLost):
        Agent(channel, hello_timeout=2)


def replies() -> st.SearchStrategy[bytes]:
    """Frames that look right from far away."""
    headers = st.builds(
        lambda length, request, kind, depth, slot: wire.HEADER.pack(length, request, kind, depth, slot, 0, 0, 0, 0),
        st.sampled_from([0, 4, 12, 16, 20, 400, wire.FRAME_MAX, 2**32 - 1]),
        st.sampled_from([0, 1, 2, 7, 2**32 - 1]),
        st.sampled_from([0, *wire.Kind, 6, 255]),
        st.sampled_from([0, 1, 4, 5, 255]),
        st.integers(0, 65535),
    )
    numbers = st.sampled_from([0, 1, 2, 8, 2**31, 2**32 - 1])
    bodies = st.lists(st.builds(struct.Struct("<I").pack, numbers), max_size=8).map(b"".join)
    return st.builds(lambda head, body, tail: head + body + tail, headers, bodies, st.binary(max_size=30))


@settings(deadline=None, max_examples=300)
@given(st.lists(replies(), max_size=4).map(b"".join))
def test_call_answered_with_anything(data: bytes) -> None:
    with peer_that_sends(HELLO + data) as channel:
        agent = Agent(channel, hello_timeout=2)
        program = Program()
        step = program.read(0, 8)
        try:
            reply = agent.proc.run(program, timeout=2)
        except (AgentLost, ProcLost):
            return
        assert len(reply[step].data) <= 8


def test_a_lost_agent_says_why_to_whoever_asks_next() -> None:
    with peer_that_sends(HELLO) as channel:
        agent = Agent(channel, hello_timeout=2)
        for _ in range(2):
            with pytest.raises(AgentLost, match="closed"):
                agent.proc.getpid()


def test_a_socket_closed_with_something_unread_is_closed() -> None:
    ours, theirs = socket.socketpair()
    channel = over(ours)
    theirs.send(HELLO)
    agent = Agent(channel, hello_timeout=2)
    asked = agent.proc.start(Program())
    theirs.close()
    with pytest.raises(AgentLost, match="closed"):
        asked.result(timeout=2)
    agent.close()


@contextmanager
def a_peer(kind: str) -> Iterator[tuple[FdChannel, int]]:
    """A channel and its other end, which reads what we send."""
    if kind == "socket":
        ours, theirs = socket.socketpair()
        channel, reads = over(ours), theirs.detach()
    elif kind == "terminal":
        reads, fd = os.openpty()
        tty.setraw(fd)
        channel = FdChannel(fd, fd)
    else:
        reads, writer = os.pipe()
        channel = FdChannel(os.open(os.devnull, os.O_RDONLY), writer)
    try:
        yield channel, reads
    finally:
        channel.close()
        os.close(reads)


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
@pytest.mark.parametrize("pace", [0, 1])
def test_a_box_that_stops_reading_does_not_hold_us(kind: str, pace: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """red: a write that waits until all is taken.  `pace`: bytes taken every tenth of a second."""
    monkeypatch.setattr("pytest_isolation.agent.channel.SEND_TIMEOUT_S", 0.4)
    ended = threading.Event()

    def take(reads: int) -> None:
        while not ended.wait(0.1):
            os.read(reads, pace)

    with a_peer(kind) as (channel, reads):
        slow = threading.Thread(target=take, args=(reads,))
        slow.start()
        try:
            with pytest.raises(AgentLost, match=r"the box stopped reading: \d+ bytes not taken after 0.4 s"):
                channel.send(bytes(2 << 20))
        finally:
            ended.set()
            slow.join()


@pytest.mark.parametrize("kind", ["pipe", "socket", "terminal"])
def test_a_box_that_reads_late_gets_all_in_order(kind: str) -> None:
    sent, got = os.urandom(3 << 19), bytearray()
    with a_peer(kind) as (channel, reads):

        def take() -> None:
            time.sleep(0.2)
            while len(got) < len(sent):
                got.extend(os.read(reads, 1 << 16))

        slow = threading.Thread(target=take)
        slow.start()
        channel.send(sent)
        slow.join()
    assert bytes(got) == sent


def test_an_end_of_ours_that_the_box_has_too_does_not_make_us_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that the agent made for us was open there before: whoever kept it sets its flags for both."""
    monkeypatch.setattr("pytest_isolation.agent.channel.SEND_TIMEOUT_S", 0.2)
    ours, theirs = socket.socketpair()
    with ours.dup() as kept, theirs:
        channel = over(ours)
        kept.setblocking(True)
        with pytest.raises(AgentLost, match="stopped reading"):
            channel.send(bytes(2 << 20))
        channel.close()


def test_a_program_too_large_is_refused_here() -> None:
    program = Program()
    for _ in range(wire.OPS_MAX + 1):
        program.getpid()
    with pytest.raises(WireError, match="split it"):
        program.frame("x86_64").pack(1, ())
