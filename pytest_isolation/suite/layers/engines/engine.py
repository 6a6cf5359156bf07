"""What unpacks an image: an engine by its own road, and the root that it made of it, to be read by the host."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An image as files (boxes/layers/archive.py)."""

    layout: Path
    """Of OCI, and what `docker save` writes in the same directory."""
    archive: Path
    """The same as one tar."""
    tag: str
    """NAME:VERSION"""


class Engine(Protocol):
    """One way to unpack images, ready to do so."""

    @property
    def version(self) -> str:
        """As its own `--version` has it; of a daemon with its storage driver."""

    def unpacked(self, stored: Stored) -> AbstractContextManager[bytes]:
        """The root that the engine makes of the image, for as long as the block.  Raises room.Refused, BoxError."""


Open = Callable[[], AbstractContextManager[Engine]]
"""Makes an engine ready, and takes it away.  Raises Unavailable where it cannot run."""
