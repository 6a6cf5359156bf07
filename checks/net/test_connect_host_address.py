"""A service of the host on another address than loopback cannot be reached from inside."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network.links import link_of_host
from pytest_isolation.outside.network.listeners import bound, knock, sockaddr_in
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.host-services-by-gateway",
    claim="no connection from inside arrives at a listener on an address of the host, by whatever gateway",
    sources=("man:network_namespaces(7)", "docker:packet filtering and firewalls"),
    severity=severity.host("connects to services on the host's addresses"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    distinct="a box with a way out reaches every address of its gateway, though not the gateway's loopback",
)


@promise
@given(everywhere=st.booleans())
def test_host_address_is_unreachable(box: Box, everywhere: bool) -> None:
    with link_of_host(box, with_address=True) as made:
        assert made.address is not None
        with bound(box, socket.AF_INET, sockaddr_in(made.address, 0)) as service:
            port = service.port
            tried = knock(box, sockaddr_in(made.address, port), service)
            promise.tried(tried.told[0], vain=NO_SOCKET)
            promise.require(not tried.arrived, *tried.told, service=f"{made.address}:{port} on {made.name}")
