"""A port that was published on one address of the host answers at that address alone."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.boxes.spec import Published
from pytest_isolation.outside.network.addresses import near, of_machine
from pytest_isolation.outside.network.listeners import calling, listening, sockaddr
from pytest_isolation.outside.network.neighbour import Neighbour, neighbour_of_host
from pytest_isolation.outside.network.patience import patience
from pytest_isolation.outside.network.published import (
    Bound,
    bound_to_one,
    by_table,
    by_token,
    recorded,
)
from pytest_isolation.strategies import unprivileged_ports

promise = guarantee(
    "net.publish-only-bound-ip",
    claim="a TCP port of the box that is published on one IPv4 address of the host takes no connection that a process "
    "of the host sends to another of its addresses, or a neighbour on the LAN to any but that one, and none of "
    "a neighbour's where it is a loopback address",
    sources=("docker:engine/network/port-publishing", "man:podman-run(1) --publish", "moby#45610"),
    severity=severity.neighbour("answers where its ports were not published"),
    falsified_by=weaken.drop("bound-address"),
    kind="per-box",
    oracle="receipt",
    distinct="of a port that is published; `net.unpublished-unreachable` is of one that is not",
)

Heard = Callable[[Callable[[bytes], AbstractContextManager[bool]]], bool]
"""Whether a call, which carries a token, arrives in the box."""


@promise
@given(
    ports=st.lists(unprivileged_ports(), min_size=3, max_size=3, unique=True),
    loopback=st.integers(2, 0xFF_FFFE).map(lambda tail: socket.inet_ntoa((0x7F00_0000 + tail).to_bytes(4, "big"))),
)
def test_published_port_answers_at_its_address(box: Box, ports: list[int], loopback: str) -> None:
    bound = bound_to_one(recorded(box))
    neighbour = neighbour_of_host(box)
    for one in bound:
        _asked(box, neighbour, one, required=False)
    if box.spec.attached:
        if not bound:
            raise Unsupported("no port of this container is published on one address of its host")
        return
    addresses = ("127.0.0.1", loopback, neighbour.host[socket.AF_INET])
    asked = tuple(Published(address=one, inside=port) for one, port in zip(addresses, ports, strict=True))
    with box.fresh(awaited=False, publish=asked) as publishing:
        published = publishing.parts.published
        if not published:
            raise Unsupported("the box's network has no ports that can be published")
        found = {int(inside.partition("/")[0]): int(place.rpartition(":")[2]) for inside, place in published}
        for wanted in asked:
            promise.receipt(wanted.inside in found, f"publishing port {wanted.inside} at {wanted.address}")
            _asked(publishing, neighbour, Bound(wanted.inside, wanted.address, found[wanted.inside]), required=True)


def _asked(box: Box, neighbour: Neighbour, one: Bound, *, required: bool) -> None:
    """`required`: the port is ours, and by the address it was published at it must be reached."""
    with _service(box, one) as heard:
        at_home = heard(partial(calling, box.outside.proc, patience(box), sockaddr(one.address, one.port)))
        if required:
            promise.receipt(at_home, f"a listener in the box, by {one}")
        elif not at_home:
            promise.remark(f"{one} is not asked for elsewhere: it is not reached at its own address")
            return
        ways = [(address, one.port) for address in of_machine(box) if address != one.address]
        answered = [
            f"the host by {address}:{port}"
            for address, port in ways
            if heard(partial(calling, box.outside.proc, patience(box), sockaddr(address, port)))
        ]
        link = neighbour.host[socket.AF_INET]
        ways = [(link, one.port), ("127.0.0.1", one.port), (one.address, one.port)]
        if socket.AF_INET6 in neighbour.host:
            ways.append((neighbour.host[socket.AF_INET6], one.port))
        ways += [(address, one.inside) for address in near(box)]
        answered += [
            f"a neighbour by {address}:{port}"
            for address, port in dict.fromkeys(ways)
            if (address != one.address or one.on_loopback) and heard(partial(neighbour.calling, address, port))
        ]
        promise.require(not answered, answered=", ".join(answered), published=str(one))


@contextmanager
def _service(box: Box, one: Bound) -> Iterator[Heard]:
    """A listener of ours on the port inside, or the service that the box has there."""
    with box.spawn() as proc:
        door = listening(proc, socket.AF_INET, one.inside)
        yield partial(by_token, door) if door.reply.ok else partial(by_table, box, one.inside)
