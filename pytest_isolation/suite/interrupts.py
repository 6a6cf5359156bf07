"""SIGTERM (timeout(1), a CI job that is cancelled) and SIGHUP: a run ends as by Control-C, with its report."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""A terminal that is closed sends SIGHUP; nohup(1) has it ignored, and so it stays."""

INTERRUPTED = 130
"""The exit status of a command that was interrupted: a shell's for Control-C."""


_came: list[int] = []
"""The signals that came in the block."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Signals that end a process raise KeyboardInterrupt in the block; in another thread than the first, nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _came.clear()
    before = {one: signal.getsignal(one) for one in ENDS if signal.getsignal(one) is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, interrupt)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def interrupted_later() -> Iterator[None]:
    """What takes moments, and must be whole: Control-C and the signals that end a process count once it is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    ends = (signal.SIGINT, *ENDS)
    before = {one: signal.getsignal(one) for one in ends if signal.getsignal(one) is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        if came:
            signal.raise_signal(came[0])


def interrupt(number: int, frame: object) -> None:
    """A signal's handler: as Control-C."""
    _came.append(number)
    raise KeyboardInterrupt(signal.Signals(number).name)


def raise_what_was_lost() -> None:
    """For a loop that goes on: raise the KeyboardInterrupt of a signal that has come, and was dropped.

    Python drops what a handler raises while it runs a destructor or a hook of fork (sys.unraisablehook).
    """
    if _came:
        raise KeyboardInterrupt(signal.Signals(_came[0]).name)
