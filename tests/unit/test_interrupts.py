"""Signals that ask a run to end."""

from __future__ import annotations

import os
import signal

import pytest

from pytest_isolation.suite.interrupts import ended_by_signals, raise_what_was_lost


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
