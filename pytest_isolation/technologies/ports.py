"""The ports that an engine opens on the host for a container: where one of them is taken."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_isolation.boxes.handle import BoxHandle
    from pytest_isolation.boxes.spec import BoxSpec

TAKEN = ("port is already allocated", "address already in use")
"""In the words of Docker, and of who listens for it or for Podman."""
NOTE = "a port of the host that the box was to have is taken: its ports are published on free ones, at the same address"


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
    parts = start(replace(spec, any_port=True), undo)
    if not (spec.instance or spec.weakenings):
        parts.notes.append(NOTE)
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
