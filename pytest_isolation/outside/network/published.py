"""The ports of a box that its host answers for, and to whom: by the engine's own record (technologies/ports.py)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import Unsupported
from pytest_isolation.outside.network.listeners import Listening, new_token

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from pytest_isolation.outside.box import Box

ESTABLISHED = "01"
"""Of /proc/net/tcp, as in the kernel's tcp_states.h."""
TABLES = ("tcp", "tcp6")
SETTLE_S = 1.0
"""How long a connection may take to be in the box's table, or out of it."""


@dataclass(frozen=True, slots=True, order=True)
class Bound:
    """A TCP port of the box, `inside`, that the host answers for at `address` and `port`, and nowhere else."""

    inside: int
    address: str
    port: int

    @property
    def on_loopback(self) -> bool:
        """Whether the host answers only itself there."""
        return ip_address(self.address).is_loopback

    def __str__(self) -> str:
        return f"{self.address}:{self.port}->{self.inside}"


def recorded(box: Box) -> Sequence[tuple[str, str]]:
    """BoxHandle.published.  Raises Unsupported where nothing tells of it."""
    if box.parts.published is None:
        raise Unsupported(
            f"no record tells which ports of the host lead into the box: {box.spec.technology} publishes none, or the "
            "box has the network of its host or of another box"
        )
    return box.parts.published


def bound_to_one(published: Iterable[tuple[str, str]]) -> list[Bound]:
    """The TCP ports that are published on one IPv4 address of the host and on no other.

    `published`: ("80/tcp", "127.0.0.1:8080") each.
    """
    places: dict[int, set[Bound]] = {}
    for inside, outside in published:
        number, _, protocol = inside.partition("/")
        address, _, port = outside.rpartition(":")
        if protocol in ("", "tcp") and number.isdigit() and port.isdigit():
            places.setdefault(int(number), set()).add(Bound(int(number), address.strip("[]"), int(port)))
    alone = [sorted(ways) for _, ways in sorted(places.items()) if len({one.address for one in ways}) == 1]
    every = [one for ways in alone for one in ways]
    return [one for one in every if ":" not in one.address and not ip_address(one.address).is_unspecified]


def by_token(inside: Listening, calling: Callable[[bytes], AbstractContextManager[bool]]) -> bool:
    """Whether a call arrives at a listener of ours in the box."""
    token = new_token()
    with calling(token) as taken:
        return taken and inside.heard(token)


def by_table(box: Box, inside: int, calling: Callable[[bytes], AbstractContextManager[bool]]) -> bool:
    """Whether a call arrives at a service of the box's own: it is in the box's table of connections while it lasts.

    A service that is in use has others come and go: ours is seen three times, and is gone each time.
    """
    return all(_seen_and_gone(box, inside, calling) for _ in range(3))


def _seen_and_gone(box: Box, inside: int, calling: Callable[[bytes], AbstractContextManager[bool]]) -> bool:
    before = _connections(box, inside)
    with calling(b"") as taken:
        came = _waited(lambda: _connections(box, inside) - before) if taken else set()
    return bool(came and _waited(lambda: came - _connections(box, inside)))


def _waited(look: Callable[[], set[str]]) -> set[str]:
    until = time.monotonic() + SETTLE_S
    while not (found := look()) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def _connections(box: Box, inside: int) -> set[str]:
    """The other ends of what is connected to a port of the box, as its kernel writes them."""
    found: set[str] = set()
    for table in TABLES:
        place = box.outside.path(f"/proc/{box.parts.init_pid}/net/{table}")
        for line in text_of(place).splitlines()[1:] if place.exists() else ():
            local, other, state = line.split()[1:4]
            if state == ESTABLISHED and int(local.rpartition(":")[2], 16) == inside:
                found.add(other)
    return found
