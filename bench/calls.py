"""Calls a second: one kill(2) a round trip, of a signal to nobody; and many calls in one program."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from bench.series import Series
from bench.sides import Side
from pytest_isolation.agent.client import Program
from pytest_isolation.outside.box import Box

NOBODY = (1 << 22) - 1
"""No kernel gives a process this number before four million others."""
WINDOW_S = 0.4
BATCH = 32


def calls(sides: Iterable[Side], rounds: int) -> list[Series]:
    """The sides take turns, so that a busy moment of the machine is everybody's."""
    rates: dict[str, list[float]] = {}
    for _ in range(rounds):
        for side in sides:
            rates.setdefault(side.name, []).append(_rate(lambda side=side: side.kill(NOBODY, 0)))  # type: ignore[misc]
            if side.name.startswith("agent"):
                batched = _rate(lambda side=side: _many(side.box))  # type: ignore[misc]
                rates.setdefault(f"{side.name}, {BATCH} a program", []).append(batched * BATCH)
    return [Series("calls", "1/s", values, {"side": name}) for name, values in rates.items()]


def _rate(operation: Callable[[], object]) -> float:
    operation()
    number, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < WINDOW_S:
        operation()
        number += 1
    return number / passed


def _many(box: Box) -> None:
    program = Program()
    for _ in range(BATCH):
        program.kill(NOBODY, 0)
    box.proc.run(program)
