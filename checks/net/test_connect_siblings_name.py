"""An abstract UNIX socket of a sibling cannot be reached."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.network.listeners import UNIX_KINDS, new_token, sockaddr_un
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.sibling-abstract-unix",
    claim="nothing from a box arrives at a socket that another box from the same spec has bound to an abstract name",
    sources=("man:unix(7)", "man:network_namespaces(7)"),
    severity=severity.neighbour("speaks to a neighbour's local services"),
    falsified_by=weaken.join_sibling("net"),
    kind="per-window",
    distinct="such names are no addresses: no firewall sees who uses them, and boxes that share a network share them",
)


@promise
@given(kind=st.sampled_from(list(UNIX_KINDS)))
def test_siblings_socket_is_unreachable(box: Box, kind: str) -> None:
    token = new_token()
    name, how = sockaddr_un(b"\0pytest-isolation-" + token), UNIX_KINDS[kind] | socket.SOCK_CLOEXEC
    with box.sibling.spawn() as sibling, box.spawn() as proc:
        ear = promise.prepared(sibling.socket(socket.AF_UNIX, how | socket.SOCK_NONBLOCK), "a socket in the sibling")
        promise.prepared(sibling.bind(ear.value, name), "a name for it")
        if kind != "datagram":
            promise.prepared(sibling.listen(ear.value, 4), "a sibling that listens")
        program = Program()
        fd = program.socket(socket.AF_UNIX, how)
        connected = program.connect(fd, name)
        program.sendto(fd, token, socket.MSG_NOSIGNAL)
        replies = proc.run(program)
        promise.tried(replies[fd], vain=NO_SOCKET)
        told = replies[connected] if replies[fd].ok else replies[fd]
        arrived = sibling.recvfrom(ear.value, 99) if kind == "datagram" else sibling.accept4(ear.value)
        promise.require(not arrived.ok, told, sibling=str(arrived))
