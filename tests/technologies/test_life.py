"""A box of namespaces is stopped, tells how it ended, and starts again; each hole takes one of these away."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from pytest_isolation import Unsupported
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import drop
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.ends import ASPECTS, restarted, stopped
from pytest_isolation.technologies.pool import Pool

SPEC = BoxSpec(technology="namespaces", stop_signal="SIGTERM")


def status_of(box: Box, number: int) -> int:
    with suppress(BoxError):
        box.init.exit_group(number)
    assert box.parts.life.status is not None
    return box.parts.life.status()


def test_a_status_is_told_once_it_has_ended(pool: Pool) -> None:
    with pool.launch(SPEC) as box:
        assert status_of(box, 77) == 77
    with pool.launch(SPEC.weakened(drop("exit-status"))) as box:
        assert status_of(box, 77) == 0


def test_it_is_asked_and_then_ended(pool: Pool) -> None:
    with pool.launch(SPEC) as box:
        seen = stopped(box, "SIGUSR1", 1)
        assert (seen.signals, seen.left) == ((10,), 0)
        assert seen.lived > 0.7
        assert stopped(box, "SIGUSR1", 1) is seen
    with pool.launch(SPEC.weakened(drop("graceful-stop"))) as box:
        seen = stopped(box, "SIGUSR1", 1)
        assert seen.signals == ()
        assert seen.lived < 0.7
    with pool.launch(SPEC.weakened(drop("forced-stop"))) as box:
        assert stopped(box, "SIGUSR1", 1).left == 3


def test_a_busy_machine_ends_no_box_early(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not let run gives no answer, and goes on all the same: here the host keeps it from running."""
    fresh = Box.fresh

    @contextmanager
    def soon_without_a_processor(box: Box, **changes: Any) -> Iterator[Box]:
        with fresh(box, **changes) as other:
            pid, life = other.parts.init_pid, other.parts.life
            assert pid is not None and life.stop is not None
            stop = life.stop

            def stopping(seconds: int) -> None:
                os.kill(pid, signal.SIGSTOP)
                stop(seconds)

            monkeypatch.setattr(other.parts, "life", replace(life, stop=stopping))
            yield other

    monkeypatch.setattr(Box, "fresh", soon_without_a_processor)
    with pool.launch(SPEC) as box:
        assert stopped(box, "SIGTERM", 1).lived >= 0.7


@pytest.mark.parametrize("aspect", ASPECTS, ids=lambda one: one.slug)
def test_it_starts_again_as_it_was(aspect, pool: Pool) -> None:
    try:
        with pool.launch(SPEC) as box:
            seen = restarted(box, aspect)
    except Unsupported as error:
        pytest.skip(str(error))
    assert seen.before[aspect.slug] == seen.after[aspect.slug]
    with pool.launch(SPEC.weakened(drop("restart"))) as box:
        seen = restarted(box, aspect)
    assert seen.before[aspect.slug] != seen.after[aspect.slug]


def test_where_nothing_is_kept_it_says_so(pool: Pool) -> None:
    with pool.launch(BoxSpec(technology="host")) as box:
        with pytest.raises(Unsupported, match="host keeps nothing of a box that has ended"):
            box.restarted()
        with pytest.raises(Unsupported, match="host has no command that stops a box"):
            stopped(box, "SIGTERM", 1)
