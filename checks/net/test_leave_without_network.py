"""A box that was asked for no network has loopback at most: nothing it sends arrives."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network import vsock
from pytest_isolation.outside.network.links import link_of_host
from pytest_isolation.outside.network.listeners import bound, knock, received, sockaddr_in
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.none-only-lo",
    claim="with no network asked for, no datagram and no connection from inside arrives at the host",
    sources=("man:network_namespaces(7)", "man:vsock(7)", "docker:none network driver"),
    severity=severity.host("sends to the host though no network was asked for"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    box={"network": "none"},
    distinct="of the box that was asked to have no network; by default it may have one",
)


@promise
@given(data=st.binary(min_size=1, max_size=500), count=st.integers(1, 4))
def test_nothing_arrives(box: Box, data: bytes, count: int) -> None:
    with link_of_host(box, with_address=True) as made:
        assert made.address is not None
        address = sockaddr_in(made.address, 0)
        with bound(box, socket.AF_INET, address, socket.SOCK_DGRAM) as service, box.spawn() as proc:
            fd = proc.socket(socket.AF_INET, socket.SOCK_DGRAM)
            target = sockaddr_in(made.address, service.port)
            told = [proc.sendto(fd.value, data, address=target) for _ in range(count)]
            arrived = received(box, service, "a datagram to the host", told)
        promise.tried(fd, vain=NO_SOCKET)
        promise.held("isolated" if any(reply.ok for reply in told) else "refused")
        promise.require(not arrived, *told, arrived=f"{len(arrived)} bytes at {made.address}")
        with bound(box, socket.AF_INET, address) as service:
            tried = knock(box, sockaddr_in(made.address, service.port), service)
            promise.tried(tried.told[0], vain=NO_SOCKET)
            promise.require(not tried.arrived, *tried.told, arrived=f"a connection at {made.address}")
    _by_virtual_socket(box)


def _by_virtual_socket(box: Box) -> None:
    if absent := vsock.why_not(box.outside.proc):
        promise.remark(f"vsock is not tried: {absent}")
        return
    if refused := vsock.why_not(box.proc):
        promise.remark(f"the box gets no vsock socket: {refused}")
        return
    with vsock.service(box) as service:
        if not service.cids:
            promise.remark(f"the box gets vsock sockets, by which this machine cannot reach itself; {vsock.HYPERVISOR}")
        for cid in service.cids:
            tried = service.knock(box, cid)
            promise.require(not tried.arrived, *tried.told, arrived=f"a vsock connection to CID {cid}")
