"""The signal by which a box is stopped, and how whoever started it is told of its end."""

from __future__ import annotations

import signal

__all__ = ["as_shells_do", "signal_called"]


def as_shells_do(code: int) -> int:
    """-N, as subprocess has it for signal N, as 128 + N; another status as it is."""
    return 128 - code if code < 0 else code


def signal_called(name: str) -> int:
    """The number of "SIGTERM"."""
    return int(signal.Signals[name])
