"""A port of a sibling cannot be reached."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.outside.network.addresses import of_box
from pytest_isolation.outside.network.listeners import Socket, knock, sockaddr_in
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.bridge-icc",
    claim="no connection from a box arrives at a listener of another box from the same spec",
    sources=("man:network_namespaces(7)", "docker:com.docker.network.bridge.enable_icc"),
    severity=severity.neighbour("connects to its neighbours"),
    falsified_by=weaken.join_sibling("net"),
)


@promise
@given(backlog=st.integers(1, 8))
def test_sibling_is_unreachable(box: Box, backlog: int) -> None:
    """At each of its addresses: of two networks one may let nothing through, and the other all."""
    with box.sibling.spawn() as sibling:
        for address in ("127.0.0.1", *of_box(box.sibling)):
            fd = sibling.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK).value
            told = [sibling.bind(fd, sockaddr_in(address, 0)), sibling.listen(fd, backlog)]
            if not all(reply.ok for reply in told):
                raise Unsupported(f"the sibling cannot listen: {told}")
            service = Socket(sibling, fd, sibling.getsockname(fd).data)
            tried = knock(box, sockaddr_in(address, service.port), service)
            sibling.close(fd)
            promise.tried(tried.told[0], vain=NO_SOCKET)
            promise.require(not tried.arrived, *tried.told, sibling=f"a connection at {address}:{service.port}")
