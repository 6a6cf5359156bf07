"""A service on the host's loopback cannot be reached from inside."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.network import listener, reached, sockaddr_in

promise = guarantee(
    "net.host-loopback-unreachable",
    claim="no connection from inside arrives at a listener on the host's 127.0.0.1",
    sources=("man:network_namespaces(7)",),
    falsified_by=weaken.share("net"),
)
ADDRESSES = ("127.0.0.1", "0.0.0.0")


@promise
@given(address=st.sampled_from(ADDRESSES))
def test_host_loopback_is_unreachable(box: Box, address: str) -> None:
    with listener(socket.AF_INET, ("127.0.0.1", 0)) as service:
        program = Program()
        fd = program.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        tried = program.connect(fd, sockaddr_in(address, service.getsockname()[1]))
        program.close(fd)
        replies = box.proc.run(program)
        promise.require(not reached(service), replies[tried])
