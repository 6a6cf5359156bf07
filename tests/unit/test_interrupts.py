"""Signals that ask a run to end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from pytest_isolation.suite.interrupts import ENDS, ended_by_signals, interrupted_later, raise_what_was_lost


class Asked:
    """Somebody asks for the end while Python destroys this."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(10))  # where the handler is called


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_one_that_python_drops_is_raised_by_who_goes_on() -> None:
    with ended_by_signals():
        raise_what_was_lost()
        asked = Asked()
        del asked
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            raise_what_was_lost()


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
