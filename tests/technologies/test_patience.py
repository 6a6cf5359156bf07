"""Silence is an answer only when it lasts: what comes late, because a machine is busy, has come all the same."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.network import patience
from pytest_isolation.outside.network.listeners import Socket, arrives, calling, connected, knock, received, sockaddr_in
from pytest_isolation.technologies.pool import Pool


@pytest.fixture
def box(own_pool: Pool) -> Iterator[Box]:
    with own_pool.launch(BoxSpec(technology="host")) as made:
        yield made


@pytest.fixture
def full(box: Box) -> Iterator[Socket]:
    """A listener with one connection that waits, and room for no other: the kernel drops what comes, without a word."""
    with box.outside.process() as one, socket.socket() as first:
        fd = one.proc.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK).value
        assert one.proc.bind(fd, sockaddr_in("127.0.0.1", 0)).ok
        assert one.proc.listen(fd, 0).ok
        made = Socket(one.proc, fd, one.proc.getsockname(fd).data)
        first.connect(("127.0.0.1", made.port))
        yield made


def make_room(service: Socket) -> threading.Timer:
    timer = threading.Timer(0.4, lambda: service.proc.close(service.proc.accept4(service.fd).value))
    timer.start()
    return timer


def test_a_connection_that_is_answered_late_has_arrived(box: Box, full: Socket) -> None:
    timer = make_room(full)
    tried = knock(box, sockaddr_in("127.0.0.1", full.port), full)
    timer.join()
    assert tried.arrived
    assert connected(tried.told), "what arrived may be the connection that was there before"


def test_a_call_from_outside_that_is_answered_late_was_taken(box: Box, full: Socket) -> None:
    timer = make_room(full)
    with calling(box.outside.proc, patience.patience(box), sockaddr_in("127.0.0.1", full.port)) as taken:
        timer.join()
        assert taken


def test_what_was_silent_for_long_is_not_waited_for_again(
    box: Box, full: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    there = patience.patience(box)
    monkeypatch.setattr(there, "long", 0.3)
    seconds = there.seconds
    monkeypatch.setattr(there, "seconds", lambda *args: waited.append(seconds(*args)) or waited[-1])
    for _ in range(2):
        knock(box, sockaddr_in("127.0.0.1", full.port), full)
    assert waited == [0.3, patience.SHORT_S]


def test_a_refusal_is_no_silence(box: Box) -> None:
    """It is an answer, and the next listener may be slow."""
    with box.outside.process() as one:
        fd = one.proc.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK).value
        assert one.proc.bind(fd, sockaddr_in("127.0.0.1", 0)).ok
        closed = Socket(one.proc, fd, one.proc.getsockname(fd).data)
        tried = knock(box, closed.address[:16], closed)
        assert not tried.arrived
        assert patience.patience(box)._silent == set()


def test_a_datagram_that_comes_late_has_come(box: Box) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, box.outside.process() as one:
        fd = one.proc.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK).value
        assert one.proc.bind(fd, sockaddr_in("127.0.0.1", 0)).ok
        ear = Socket(one.proc, fd, one.proc.getsockname(fd).data)
        done = box.proc.getpid()  # a call that was let through
        for look in (
            lambda: received(box, ear, "one", [done]),
            lambda: arrives(box, ear.proc, fd, b"mark", "another", [done]) or b"",
        ):
            timer = threading.Timer(0.3, sender.sendto, [b"a mark", ("127.0.0.1", ear.port)])
            timer.start()
            assert look() == b"a mark"
            timer.join()


def test_what_was_not_sent_is_not_waited_for(box: Box) -> None:
    with box.outside.process() as one:
        fd = one.proc.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK).value
        assert one.proc.bind(fd, sockaddr_in("127.0.0.1", 0)).ok
        ear = Socket(one.proc, fd, one.proc.getsockname(fd).data)
        refused = box.proc.close(-1)
        assert received(box, ear, "one", [refused]) == b""
        assert arrives(box, ear.proc, fd, b"mark", "another", []) is None
        assert patience.patience(box)._silent == set()


def test_a_mark_is_found_among_the_packets_of_others(box: Box) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, box.outside.process() as one:
        fd = one.proc.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK).value
        assert one.proc.bind(fd, sockaddr_in("127.0.0.1", 0)).ok
        there = ("127.0.0.1", int.from_bytes(one.proc.getsockname(fd).data[2:4], "big"))
        for data in [b"of others"] * 20 + [b"a mark"]:
            sender.sendto(data, there)
        assert arrives(box, one.proc, fd, b"mark", "way", [box.proc.getpid()]) == b"a mark"
