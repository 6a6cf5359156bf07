"""A witness of frames hears ours among those of others, however many they are."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

import pytest

from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.constants import CLONE
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.local import start_local
from pytest_isolation.outside.network.hearing import hears
from pytest_isolation.outside.network.links import IFF_UP, SIOCSIFFLAGS, index_of, request
from pytest_isolation.outside.network.listeners import sockaddr_in

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a packet socket is for root")
ETH_P_IP = 0x0800
MARK = bytes.fromhex("02aabbccddee")
OTHERS = 2000
"""Packets: more than a socket has room for, by /proc/sys/net/core/rmem_default."""


@pytest.fixture
def alone() -> Iterator[Proc]:
    """A process in a network of its own, of loopback alone."""
    with start_local() as one:
        must(one.proc.unshare(CLONE.NEWNET), "a network of its own")
        must(request(one.proc, SIOCSIFFLAGS, "lo", struct.pack("<H", IFF_UP)), "its loopback")
        yield one.proc


@pytest.mark.parametrize("at", [6, 14, 60])
def test_ours_is_heard_behind_those_of_others(alone: Proc, at: int) -> None:
    frame = bytearray(80)
    frame[:6], frame[12:14], frame[at : at + 6] = b"\xff" * 6, struct.pack(">H", ETH_P_IP), MARK
    ear = must(hears(alone, ETH_P_IP, MARK, [bytes(frame)]), "a packet socket").value
    others = must(alone.socket(socket.AF_INET, socket.SOCK_DGRAM), "a socket").value
    for _ in range(OTHERS):
        must(alone.sendto(others, bytes(200), address=sockaddr_in("127.0.0.1", 9)), "a packet of others")
    ours = must(alone.socket(socket.AF_PACKET, socket.SOCK_RAW, 0), "a packet socket").value
    to = struct.pack("<HHiHBB8s", socket.AF_PACKET, socket.htons(ETH_P_IP), index_of(alone, "lo"), 1, 0, 6, b"\xff" * 6)
    must(alone.sendto(ours, bytes(frame), address=to), "a frame of ours")
    assert alone.recvfrom(ear, 2000, socket.MSG_DONTWAIT).data == bytes(frame)


def test_a_mark_elsewhere_and_a_short_frame_are_not_heard(alone: Proc) -> None:
    frame = b"\xff" * 6 + MARK + struct.pack(">H", ETH_P_IP) + bytes(60) + MARK
    ear = must(hears(alone, ETH_P_IP, MARK, [frame]), "a packet socket").value
    ours = must(alone.socket(socket.AF_PACKET, socket.SOCK_RAW, 0), "a packet socket").value
    to = struct.pack("<HHiHBB8s", socket.AF_PACKET, socket.htons(ETH_P_IP), index_of(alone, "lo"), 1, 0, 6, b"\xff" * 6)
    for other in (frame[:6] + bytes(6) + frame[12:14] + MARK, frame[:6] + bytes(6) + frame[12:14] + bytes(66)):
        must(alone.sendto(ours, other, address=to), "a frame of ours")
    assert not alone.recvfrom(ear, 2000, socket.MSG_DONTWAIT).ok
