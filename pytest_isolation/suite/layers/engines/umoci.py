"""umoci(1): `umoci raw unpack`, which extracts the layers into one directory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_isolation.suite.layers.engines.engine import Stored
from pytest_isolation.technologies import program
from pytest_isolation.technologies.room import Room, room


class Umoci:
    """umoci in a directory of its own."""

    def __init__(self, where: Room) -> None:
        self.version = program.version("umoci", "umoci").rpartition(" ")[2]
        self._room = where

    @contextmanager
    def unpacked(self, stored: Stored) -> Iterator[bytes]:
        """As Engine.unpacked."""
        version = stored.tag.rpartition(":")[2]
        root = self._room.directory / version
        try:
            self._room.offer(["umoci", "raw", "unpack", "--image", f"{stored.layout}:{version}", str(root)])
            yield self._room.seen(root)
        finally:
            shutil.rmtree(self._room.path(version), ignore_errors=True)


@contextmanager
def ready() -> Iterator[Umoci]:
    """Raises Unavailable."""
    program.find("umoci", "umoci")
    with room() as where:
        yield Umoci(where)
