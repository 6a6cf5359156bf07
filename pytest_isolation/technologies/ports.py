"""The ports that an engine opens on the host for a container: by its own record, and where one of them is taken."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_isolation.boxes.box import BoxHandle
    from pytest_isolation.boxes.spec import BoxSpec

TAKEN = ("port is already allocated", "address already in use")
"""In the words of Docker, and of who listens for it or for Podman."""
NOTE = "a port of the host that the box was to have is taken: its ports are published on free ones, at the same address"


def published(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a container that Docker or Podman inspected: ("80/tcp", "0.0.0.0:8080") each."""
    ports = (found.get("NetworkSettings") or {}).get("Ports") or {}
    return [
        (str(inside), f"{_address(str(one.get('HostIp') or '0.0.0.0'))}:{one.get('HostPort')}")
        for inside, places in sorted(ports.items())
        for one in places or ()
    ]


def _address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def started_with_ports(
    spec: BoxSpec, keyword: str, undo: ExitStack, start: Callable[[BoxSpec, ExitStack], BoxHandle]
) -> BoxHandle:
    """What `start` starts; where a port that the user named is taken, once more, with ports that are free.

    Of a spec that names a port of the host only one box can have it, and its sibling, its control and a second
    worker's box must be had as well.  `keyword`: the engine's, for ports.
    """
    first = ExitStack()
    undo.callback(first.close)
    try:
        return start(spec, first)
    except BoxError as error:
        if spec.option(keyword) is None or not any(words in str(error) for words in TAKEN):
            raise
    first.close()
    parts = start(replace(spec, extra={**spec.extra, "any port": True}), undo)
    if not (spec.instance or spec.weakenings):
        parts.facts.setdefault("notes", []).append(NOTE)
    return parts


def at_any_port(place: str) -> str:
    """ADDRESS:PORT or PORT, without the port: `docker run -p` and `podman run --publish` choose one then."""
    address, found, _ = place.rpartition(":")
    return f"{address}:" if found else ""


def podmans_at_any_port(text: str) -> str:
    """[[ADDRESS:][PORT]:]INSIDE, likewise.  Source: podman-run(1), --publish."""
    outside, found, inside = text.rpartition(":")
    if not found:
        return text
    address = at_any_port(outside)
    return f"{address}:{inside}" if address else inside
