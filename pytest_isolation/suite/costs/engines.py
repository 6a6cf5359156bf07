"""What an engine does with the life of its container: asked for step by step, seen by the container's own process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from pytest_isolation.agent.client import Program
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import IsolationError
from pytest_isolation.report.trade import CONTAINERS, DEPENDS, NO, YES

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box
    from pytest_isolation.technologies.pool import Pool

ENGINES = tuple(one for one in CONTAINERS if one != "namespaces")
"""Those that have a program of somebody else's; `namespaces` is made by us."""
FROZEN_S, THAWED_S, GONE_S = 0.3, 20.0, 5.0
"""Seconds: for how long a paused process must not answer; within which it answers again; and is gone."""
STEPS = ("start", "pause", "go on", "stop", "start again", "remove")


def life(spec: BoxSpec, pool: Pool) -> tuple[str, str]:
    """The answer for the sentence `engine`, and what became of each of STEPS.

    A step that the technology has no command for is told as such: with one the answer depends, and where it can do
    nothing but start and remove, it is no.  Raises IsolationError where the box does not start.
    """
    box = _launched(replace(spec, door=Door.START, stop_signal="SIGTERM"), pool)
    done: list[str] = ["start"]
    refused: list[str] = []
    lacking: list[str] = []
    firsts = [box.parts.init_pid]
    try:
        box.proc.getpid()
        for step, doing in _steps(box, firsts):
            if doing is None:
                lacking.append(step)
            else:
                (done if doing() else refused).append(step)
    finally:
        box.close()
    (done if all(map(_gone, firsts)) else refused).append("remove")
    said = f"did as asked: {', '.join(done)}"
    if refused:
        said += f"; did not: {', '.join(refused)}"
    if lacking:
        said += f"; has no command to {', '.join(lacking)}"
    if refused or len(done) == len(STEPS) - len(lacking) == 2:
        return NO, said
    return DEPENDS if lacking else YES, said


def _launched(spec: BoxSpec, pool: Pool) -> Box:
    return pool.launch(spec)


def _steps(box: Box, firsts: list[int | None]) -> Iterator[tuple[str, Callable[[], bool] | None]]:
    """What comes between start and remove; None where there is no command for it.

    `firsts`: the host's numbers of its first processes, of which one that is started again has another.
    """

    def again() -> bool:
        other = box.restarted()
        firsts.append(other.parts.init_pid)
        return other.proc.getpid().ok

    pausing, life = box.parts.pausing, box.parts.life
    yield "pause", (lambda: _paused(box)) if pausing is not None else None
    yield "go on", (lambda: _goes_on(box)) if pausing is not None else None
    stop = life.stop
    yield "stop", (lambda: _stopped(box, stop)) if stop is not None else None
    yield "start again", again if life.again is not None else None


def _paused(box: Box) -> bool:
    """Whether a call that is asked for while it is paused goes unanswered."""
    assert box.parts.pausing is not None
    box.parts.pausing.pause()
    box.parts.pausing.active = True
    program = Program()
    program.getpid()
    pending = box.proc.start(program)
    time.sleep(FROZEN_S)
    return not pending.ready()


def _goes_on(box: Box) -> bool:
    """Whether the same process answers once it is let go on."""
    assert box.parts.pausing is not None
    box.parts.pausing.end()
    program = Program()
    program.getpid()
    return bool(box.proc.start(program).result(timeout=THAWED_S))


def _stopped(box: Box, stop: Callable[[int], object]) -> bool:
    """Whether its process is gone when the engine says that it has stopped."""
    stop(1)
    with suppress(IsolationError):
        box.proc.getpid()
        return False
    return True


def _gone(pid: int | None) -> bool:
    """Whether the first process has left the host within GONE_S; one that the host has no number for has."""
    until = time.monotonic() + GONE_S
    while pid is not None and time.monotonic() < until:
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.05)
    return pid is None or not psutil.pid_exists(pid)
