"""The box cannot listen to what others send through its network."""

import select
import socket
from errno import EADDRNOTAVAIL, EMFILE, ENETDOWN, ENETUNREACH, ENFILE, ENOBUFS, ENOMEM

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.network.links import process_in_network_of
from pytest_isolation.outside.network.listeners import sockaddr_in
from pytest_isolation.strategies import tokens

promise = guarantee(
    "net.packet-socket",
    claim="no packet socket in the box receives what another process sends to a third",
    sources=("man:packet(7)", "man:capabilities(7) CAP_NET_RAW"),
    severity=severity.neighbour("listens to packets of others"),
    falsified_by=weaken.grant("NET_RAW"),
    kind="per-window",
    oracle="receipt",
    distinct="what is heard, not what is sent",
)
ETH_P_ALL = 0x0300  # htons(ETH_P_ALL)


@promise
@given(token=tokens(), cooked=st.booleans())
def test_others_are_not_heard(box: Box, token: str, cooked: bool) -> None:
    kind = socket.SOCK_DGRAM if cooked else socket.SOCK_RAW
    with process_in_network_of(box) as outside, box.spawn() as proc:
        opened = proc.socket(socket.AF_PACKET, kind | socket.SOCK_NONBLOCK, ETH_P_ALL)
        ear = outside.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK).value
        bound = outside.bind(ear, sockaddr_in("127.0.0.1", 0))
        there = outside.getsockname(ear).data[:16]
        other = outside.socket(socket.AF_INET, socket.SOCK_DGRAM).value
        sent = outside.sendto(other, token.encode(), address=there)
        if {bound.errno, sent.errno} & {EADDRNOTAVAIL, ENETDOWN, ENETUNREACH}:
            promise.undecided("nobody there can send to anybody: the loopback of the box's network is down")
        outside.ppoll([(ear, select.POLLIN)], 3.0)
        arrived = outside.recvfrom(ear, 500)
        promise.receipt(token.encode() in arrived.data, arrived)
        telling = []
        if opened.ok:
            program = Program()
            frames = [program.recvfrom(opened.value, 500) for _ in range(100)]
            replies = proc.run(program)
            telling = [replies[frame] for frame in frames if token.encode() in replies[frame].data]
        promise.tried(opened, vain=(EMFILE, ENFILE, ENOBUFS, ENOMEM))
        promise.held("isolated" if opened.ok else "refused")
        promise.require(not telling, opened, *telling, heard=f"{len(telling)} frames")
