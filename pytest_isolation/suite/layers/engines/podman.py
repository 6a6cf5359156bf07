"""Podman: `podman load` into a store of our own, and `podman image mount`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pytest_isolation.suite.layers.engines.engine import Stored
from pytest_isolation.technologies import program
from pytest_isolation.technologies.room import Room, room


class Podman:
    """Podman with a store of its own."""

    def __init__(self, where: Room, driver: str) -> None:
        self.version = program.version("podman", "podman").rpartition(" ")[2]
        self._room = where
        own = {"root": "storage", "runroot": "run", "tmpdir": "tmp"}
        self._podman = ["podman", f"--storage-driver={driver}"]
        self._podman += [f"--{option}={where.directory / name}" for option, name in own.items()]

    @contextmanager
    def unpacked(self, stored: Stored) -> Iterator[bytes]:
        """As Engine.unpacked."""
        said = self._room.offer([*self._podman, "load", "--quiet", "--input", str(stored.archive)])
        name = said.strip().rpartition(" ")[2]  # "Loaded image: NAME"
        try:
            yield self._room.seen(self._room.run([*self._podman, "image", "mount", name]).strip())
        finally:
            self._room.run([*self._podman, "image", "unmount", "--force", name])
            self._room.run([*self._podman, "image", "rm", "--force", name])


@contextmanager
def ready(driver: str) -> Iterator[Podman]:
    """`driver`: overlay or vfs, of containers-storage.conf(5)."""
    program.find("podman", "podman")
    with room() as where:
        yield Podman(where, driver)
