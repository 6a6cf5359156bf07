"""Listening inside opens no port of the host."""

import socket

from hypothesis import given

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.network import sockaddr_in
from pytest_isolation.strategies import unprivileged_ports

promise = guarantee(
    "net.only-declared-ports",
    claim="a port a process of the box listens on is not open on the host",
    sources=("man:network_namespaces(7)",),
    falsified_by=weaken.share("net"),
    distinct="the way out: what the box opens, not what it reaches",
)


@promise
@given(port=unprivileged_ports())
def test_port_stays_inside(box: Box, port: int) -> None:
    with box.spawn() as proc:
        program = Program(stop_on_error=True)
        fd = program.socket(socket.AF_INET, socket.SOCK_STREAM)
        program.bind(fd, sockaddr_in("127.0.0.1", port))
        listening = program.listen(fd)
        replies = proc.run(program)
        if not replies.ran(listening):
            return  # taken already, by somebody else in there
        probe = Program()
        ear = probe.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connected = probe.connect(ear, sockaddr_in("127.0.0.1", port))
        probe.close(ear)
        answered = box.outside.proc.run(probe)[connected].ok
        promise.require(not answered, replies[listening])
