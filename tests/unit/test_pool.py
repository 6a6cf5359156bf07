"""The boxes of a run end with it, whoever was interrupted while he had one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import BoxError
from pytest_isolation.technologies.ending import MOST
from pytest_isolation.technologies.pool import Pool

SPEC = BoxSpec(technology="host")


@pytest.fixture
def alarm() -> Iterator[None]:
    """Control-C in a fifth of a second."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def discarded(pool: Pool) -> None:
    pool.discard(SPEC)


def leased_anew(pool: Pool) -> None:
    with pool.leased(SPEC, fresh=True):
        pytest.fail("the box before is not ended yet")


@pytest.mark.parametrize("take", [discarded, leased_anew])
def test_a_box_that_waits_for_its_end_ends_after_an_interrupt(
    take: Callable[[Pool], None], run: Lifetime, request: pytest.FixtureRequest
) -> None:
    """red: the pool had let go of it, and nobody had it."""
    pool = Pool(run)
    if take is discarded:
        box = pool.box(SPEC)
    else:
        with pool.leased(SPEC) as (box, _):
            pass
    for _ in range(MOST):
        pool._ending._room.acquire()  # so many are being ended
    request.getfixturevalue("alarm")
    with pytest.raises(KeyboardInterrupt):
        take(pool)
    for _ in range(MOST):
        pool._ending._room.release()
    assert box.alive
    pool.close()
    assert not box.alive


def test_a_box_that_tells_nothing_of_itself_ends(run: Lifetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """red: it was started, and then nobody had it."""
    asked: list[BoxHandle] = []

    def confinement(parts: BoxHandle) -> dict[str, object]:
        asked.append(parts)
        raise BoxError("no answer")

    monkeypatch.setattr("pytest_isolation.technologies.pool.confinement", confinement)
    pool = Pool(run)
    with pytest.raises(BoxError, match="no answer"):
        pool.launch(SPEC)
    pool.close()
    with pytest.raises(BoxError):
        asked[0].agent.proc.getpid()
