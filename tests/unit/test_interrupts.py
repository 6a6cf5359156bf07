"""Signals that ask a run to end."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from pytest_isolation.suite.interrupts import (
    ENDS,
    ended_by_signals,
    interrupted_later,
    let_go_of_logging,
    raise_what_was_lost,
)


@pytest.fixture(autouse=True)
def _heeded() -> Iterator[None]:
    """Whoever starts these tests in the background has them ignore Control-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Asked:
    """Somebody asks for the end while Python destroys this."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(10))  # where the handler is called


class Broken:
    """Whose destructor fails."""

    def __del__(self) -> None:
        raise ValueError("broken")


def test_one_that_python_drops_is_raised_by_who_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not told with a traceback before; what else Python drops is told."""
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: told.append(lost.exc_value))
    with ended_by_signals():
        raise_what_was_lost()
        asked = Asked()
        del asked
        assert told == []
        broken = Broken()
        del broken
        assert [str(one) for one in told] == ["broken"]
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            raise_what_was_lost()


def test_control_c_counts_though_what_is_undone_meanwhile_fails() -> None:
    """red: a run went on; the root that its launcher was still filling could not be removed, and that was raised."""
    with ended_by_signals():
        with pytest.raises(OSError, match="not empty"):
            _is_undone()
        with pytest.raises(KeyboardInterrupt, match="SIGINT"):
            raise_what_was_lost()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_control_c_of_somebody_else_is_left_to_him() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGINT)
            sum(range(10))
            raise_what_was_lost()
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [signal.SIGINT]


def _is_undone() -> None:
    """Control-C comes, and on its way out something fails."""
    with ExitStack() as undo:
        undo.callback(_fails)
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(10))


def _fails() -> None:
    raise OSError("not empty")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_before_asks_nothing_of_this_one() -> None:
    asks = Asked()
    with ended_by_signals():
        del asks
    with ended_by_signals():
        raise_what_was_lost()


@pytest.mark.parametrize("block", [ended_by_signals, interrupted_later])
def test_what_is_heeded_by_somebody_else_stays_so(
    block: Callable[[], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """red: TypeError.  A handler that was not set by Python is None to it, and cannot be given back."""
    before = {one: signal.getsignal(one) for one in ENDS}
    monkeypatch.setattr(signal, "getsignal", lambda one: None if one == signal.SIGTERM else before.get(one))
    with block():
        pass
    monkeypatch.undo()
    assert {one: signal.getsignal(one) for one in ENDS} == before


@pytest.mark.parametrize("fails", [False, True])
def test_what_comes_in_a_block_that_must_be_whole_counts_after_it(fails: bool) -> None:
    whole = []

    def write() -> None:
        with ended_by_signals(), interrupted_later():
            os.kill(os.getpid(), signal.SIGTERM)
            whole.append(sum(range(10)))
            if fails:
                raise OSError("what fails does not take the signal away")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert whole


def test_a_lock_that_a_lost_signal_leaves_makes_nobody_wait() -> None:
    """Of `logging`: it is taken, and released, in hooks of fork, where an exception of a handler is dropped."""
    logging._lock.acquire()  # type: ignore[attr-defined]
    try:
        let_go_of_logging()
        other = threading.Thread(target=logging.getLogger, args=("of another thread",), daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive()
    finally:
        while logging._lock._is_owned():  # type: ignore[attr-defined]
            logging._lock.release()  # type: ignore[attr-defined]
