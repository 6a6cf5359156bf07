"""SIGTERM (timeout(1), a CI job that is cancelled) and SIGHUP: a run ends as by Control-C, with its report."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDS = (signal.SIGTERM, signal.SIGHUP)
"""A terminal that is closed sends SIGHUP; nohup(1) has it ignored, and so it stays."""
ALL_ENDS = (signal.SIGINT, *ENDS)
"""With Control-C."""

INTERRUPTED = 130
"""The exit status of a command that was interrupted: a shell's for Control-C."""


_came: list[int] = []
"""The signals that came in the block: an exception of what is undone meanwhile may take KeyboardInterrupt's place."""


@contextmanager
def _heeded(signals: Iterable[int], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Call `handler` for each of `signals` in the block; in another thread than the first, nothing is changed.

    One that is ignored stays so, and one that somebody else heeds without Python, whose handler nobody could give back.
    """
    before: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for one in signals:
                if (known := signal.getsignal(one)) not in (signal.SIG_IGN, None):
                    before[one] = known
                    signal.signal(one, handler)
        yield
    finally:
        for one, known in before.items():
            signal.signal(one, known)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Signals that end a process raise KeyboardInterrupt in the block; in another thread than the first, nothing.

    One that has come is remembered until the next such block: see `raise_what_was_lost`.
    """
    if threading.current_thread() is threading.main_thread():
        _came.clear()
    # Control-C that somebody else heeds is his.
    ends = ALL_ENDS if signal.getsignal(signal.SIGINT) is signal.default_int_handler else ENDS
    with _heeded(ends, interrupt), lost_without_a_word():
        yield


@contextmanager
def lost_without_a_word() -> Iterator[None]:
    """What Python drops of interrupt() in the block is not told with a traceback: raise_what_was_lost() raises it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    known = sys.unraisablehook

    def told(lost: sys.UnraisableHookArgs) -> None:
        if not (_came and isinstance(lost.exc_value, KeyboardInterrupt)):
            known(lost)

    sys.unraisablehook = told
    try:
        yield
    finally:
        if sys.unraisablehook is told:
            sys.unraisablehook = known


@contextmanager
def interrupted_later() -> Iterator[None]:
    """What takes moments, and must be whole: Control-C and the signals that end a process count once it is."""
    came: list[int] = []
    try:
        with _heeded(ALL_ENDS, lambda number, _: came.append(number)):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])


def interrupt(number: int, frame: object) -> None:
    """A signal's handler: as Control-C."""
    _came.append(number)
    raise KeyboardInterrupt(signal.Signals(number).name)


def forget_what_came() -> None:
    """A signal that has come until now was heeded by who it was for."""
    _came.clear()


def raise_what_was_lost() -> None:
    """For who goes on: raise the KeyboardInterrupt of a signal that has come, and was lost.

    Python drops what a handler raises while it runs a destructor or a hook of fork (sys.unraisablehook); and what is
    undone on its way out may fail, with another exception: a directory that a launcher still fills cannot be removed.
    """
    let_go_of_logging()
    if _came:
        raise KeyboardInterrupt(signal.Signals(_came[0]).name)


def let_go_of_logging() -> None:
    """For the first thread, where it logs nothing: release the lock of `logging`, which it may hold for ever.

    So it does when a handler's exception comes behind the lock and before what would release it, or in the hook of fork
    that does; and each other thread that logs, or imports what logs, would wait.
    """
    lock: Any = getattr(logging, "_lock", None)
    while threading.current_thread() is threading.main_thread() and lock is not None and lock._is_owned():
        lock.release()
