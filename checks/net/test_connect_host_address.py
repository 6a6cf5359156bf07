"""A service of the host on another address than loopback cannot be reached from inside."""

import socket

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.network.addresses import of_machine_beside
from pytest_isolation.outside.network.links import link_of_host
from pytest_isolation.outside.network.listeners import bound, knock, sockaddr
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.host-services-by-gateway",
    claim="no connection from inside arrives at a listener on an address of the host, by whatever gateway or none",
    sources=("man:network_namespaces(7)", "docker:packet filtering and firewalls"),
    severity=severity.host("connects to services on the host's addresses"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    distinct="a box with a way out reaches every address of its gateway, though not the gateway's loopback",
)


@promise
def test_host_address_is_unreachable(box: Box) -> None:
    """At an address of ours, which takes a gateway, and at each that the host has on the box's own links.

    A network without a way out, Docker's `internal`, is a bridge all the same, and the bridge's address is the host's.
    """
    with link_of_host(box, with_address=True) as made:
        assert made.address is not None
        for address in (made.address, *of_machine_beside(box)):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with bound(box, family, sockaddr(address, 0)) as service:
                tried = knock(box, sockaddr(address, service.port), service)
                promise.tried(tried.told[0], vain=NO_SOCKET)
                promise.require(not tried.arrived, *tried.told, service=f"{address}:{service.port} of the host")
