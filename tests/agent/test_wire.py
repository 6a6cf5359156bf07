"""The other side of the wire is hostile: whatever it sends is an answer or a WireError, never anything else."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_isolation.agent import wire
from pytest_isolation.agent.channel import FdChannel, over_socket
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
    channel = over_socket(ours.detach())
    theirs.send(HELLO)
    agent = Agent(channel, hello_timeout=2)
    asked = agent.proc.start(Program())
    theirs.close()
    with pytest.raises(AgentLost, match="closed"):
        asked.result(timeout=2)
    agent.close()


def test_a_program_too_large_is_refused_here() -> None:
    program = Program()
    for _ in range(wire.OPS_MAX + 1):
        program.getpid()
    with pytest.raises(WireError, match="split it"):
        program.frame("x86_64").pack(1, ())
