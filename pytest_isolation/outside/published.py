"""The ports of a box that its host answers for, and to whom: by the engine's own record (technologies/ports.py)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address


def on_loopback_alone(published: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
    """(port inside, port of the host) of the TCP ports that are published on loopback addresses and on no other.

    `published`: ("80/tcp", "127.0.0.1:8080") each.
    """
    places: dict[int, list[tuple[str, int]]] = {}
    for inside, outside in published:
        number, _, protocol = inside.partition("/")
        address, _, port = outside.rpartition(":")
        if protocol in ("", "tcp") and number.isdigit() and port.isdigit():
            places.setdefault(int(number), []).append((address.strip("[]"), int(port)))
    return [
        (inside, port)
        for inside, ways in sorted(places.items())
        if all(ip_address(address).is_loopback for address, _ in ways)
        for _, port in ways
    ]
