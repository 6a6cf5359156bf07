"""The box does not reach the addresses at which clouds hand out the credentials of a machine."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.network.links import IFF_UP, SIOCSIFADDR, SIOCSIFFLAGS, SIOCSIFNETMASK, made, request
from pytest_isolation.outside.network.listeners import Socket, bound, is_open, knock, sockaddr_in
from pytest_isolation.outside.network.netlink import NO_SOCKET
from pytest_isolation.outside.network.patience import Patience, patience

promise = guarantee(
    "net.metadata-unreachable",
    claim="no connection from inside arrives at an address of the host's cloud that hands out its credentials",
    sources=(
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html",
        "https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata",
    ),
    severity=severity.host("fetches the cloud credentials of the host"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    distinct="link-local addresses, which rules for networks leave out, and the first that an intruder asks",
)
METADATA = {
    "169.254.169.254": "AWS, Azure, Google and others",
    "169.254.170.2": "AWS ECS",
    "100.100.100.200": "Alibaba",
}


@promise
def test_metadata_is_unreachable(box: Box) -> None:
    """Where nobody answers the host at such an address, a listener of ours does, on a link of ours."""
    with ExitStack() as undo:
        outside = undo.enter_context(box.outside.process()).proc
        # At once: a cloud's service is next to the machine.
        theirs = [address for address in METADATA if is_open(outside, Patience(0.2), sockaddr_in(address, 80))]
        services: dict[str, Socket] = {}
        ours = [address for address in METADATA if address not in theirs]
        for link in [made(outside, ours[0])] if ours else []:
            for number, address in enumerate(ours):
                name = f"{link.name}:{number}" if number else link.name
                request(outside, SIOCSIFADDR, name, sockaddr_in(address, 0))
                request(outside, SIOCSIFNETMASK, name, sockaddr_in("255.255.255.255", 0))
                request(outside, SIOCSIFFLAGS, name, struct.pack("<H", IFF_UP))
                services[address] = undo.enter_context(_listener(box, address))
        for address in theirs:
            answers = is_open(box.proc, patience(box), sockaddr_in(address, 80))
            promise.require(not answers, f"the {METADATA[address]} of this host at {address}")
        for address, service in services.items():
            tried = knock(box, sockaddr_in(address, service.port), service)
            promise.tried(tried.told[0], vain=NO_SOCKET)
            promise.require(not tried.arrived, *tried.told, service=f"{address}:{service.port}, a listener of ours")


@contextmanager
def _listener(box: Box, address: str) -> Iterator[Socket]:
    """On port 80, as such services are; on any other where a process of the host has that on all addresses."""
    with ExitStack() as undo:
        try:
            service = undo.enter_context(bound(box, socket.AF_INET, sockaddr_in(address, 80)))
        except BoxError:
            service = undo.enter_context(bound(box, socket.AF_INET, sockaddr_in(address, 0)))
        yield service
