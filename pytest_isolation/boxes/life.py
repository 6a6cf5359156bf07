"""How a box is stopped, how whoever started it is told of its end, and how it is started again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.boxes.handle import BoxHandle

__all__ = ["Life", "as_shells_do", "signal_called"]


@dataclass(frozen=True, slots=True)
class Life:
    """What a technology can do with a box of BoxSpec.stop_signal; None where it has no way to."""

    stop: Callable[[int], object] | None = None
    """Ask the first process to end, by the signal of the spec; after so many seconds end all of the box.

    Returns when that is done.  Raises BoxError.
    """
    status: Callable[[], int] | None = None
    """How the first process has ended, as whoever started the box is told: 0 to 255, 128 + N for signal N.

    Waits for the end.  Raises BoxError where it does not come.
    """
    again: Callable[[], BoxHandle] | None = None
    """End the box at once, and start it again from what is kept of it; its parts end with the first start's."""
    launcher: int | None = None
    """The host's number of the program that has started the box and stays while it runs; None where none does."""


def as_shells_do(code: int) -> int:
    """-N, as subprocess has it for signal N, as 128 + N; another status as it is."""
    return 128 - code if code < 0 else code


def signal_called(name: str) -> int:
    """The number of "SIGTERM"."""
    return int(signal.Signals[name])
