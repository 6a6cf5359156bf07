"""A service on the host's IPv6 loopback cannot be reached from inside."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.outside.network.listeners import bound, knock, sockaddr_in, sockaddr_in6
from pytest_isolation.outside.network.netlink import NO_SOCKET

promise = guarantee(
    "net.ipv6-parity",
    claim="no connection from inside arrives at a listener on the host's ::1",
    sources=("man:network_namespaces(7)", "man:ipv6(7)"),
    severity=severity.host("connects to the host's ::1"),
    falsified_by=weaken.share("net"),
    distinct="a rule that closes a way in IPv4 may leave the same way open in IPv6",
)


@promise
@given(address=st.sampled_from(["::1", "::", "::ffff:127.0.0.1"]))
def test_host_loopback_is_unreachable(box: Box, address: str) -> None:
    mapped = address.startswith("::ffff")
    family, there = (
        (socket.AF_INET, sockaddr_in("127.0.0.1", 0)) if mapped else (socket.AF_INET6, sockaddr_in6("::1", 0))
    )
    if not mapped and not _has_loopback(box):
        raise Unsupported("the host has no IPv6 loopback")
    with bound(box, family, there) as service:
        tried = knock(box, sockaddr_in6(address, service.port), service)
        promise.tried(tried.told[0], vain=NO_SOCKET)
        promise.require(not tried.arrived, *tried.told)


def _has_loopback(box: Box) -> bool:
    """proc_pid_net(5): if_inet6 lists addresses without colons."""
    table = box.outside.path("/proc/net/if_inet6")
    return table.exists() and f"{1:032x} " in text_of(table)
