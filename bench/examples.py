"""Examples a second of one property, its witness included: no signal sent in the box reaches a canary outside.

The same property, the same canary and the same settings on every side; only who makes the call
differs.  `Hypothesis alone` draws the same values and does nothing with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, seed
from hypothesis import strategies as st

from bench.series import Series
from bench.sides import Side
from pytest_isolation.guarantees import severity
from pytest_isolation.guarantees.guarantee import guarantee
from pytest_isolation.guarantees.property import MEASURING, OURS, run_property
from pytest_isolation.outside.box import Box
from pytest_isolation.strategies import catchable_signals

EXAMPLES = {"docker exec by SDK": 20, "pytest-testinfra": 20}
"""An example of these takes some 100 ms; of the others, some 100 are taken, as a check does."""
DEFAULT = 100

salt = st.integers(0, 1 << 32)
"""Or Hypothesis would be through with all signals before it is through with the examples."""


def examples(sides: Sequence[Side], rounds: int) -> list[Series]:
    rates: dict[str, list[float]] = {}
    for number in range(rounds):
        rates.setdefault("Hypothesis alone", []).append(_alone(DEFAULT, number))
        for side in sides:
            if side.name != "agent in host":  # whose signals do arrive
                rates.setdefault(side.name, []).append(_measured(side, EXAMPLES.get(side.name, DEFAULT), number))
    return [Series("examples", "1/s", values, {"side": name}) for name, values in rates.items()]


def _measured(side: Side, number: int, round_: int) -> float:
    promise = guarantee(
        "bench.signal-out-refused",
        claim="no signal from the box reaches a canary outside",
        sources=("man:pid_namespaces(7)",),
        severity=severity.host("signals processes of the host"),
        falsified_by=_nothing(),
    )

    @given(sig=catchable_signals(), salt=salt)
    def check(box: Box, sig: int, salt: int) -> None:
        with box.outside.canary() as canary:
            reply = side.kill(canary.pid, sig)
            promise.require(sig not in canary.signals_seen(), reply)

    started = time.perf_counter()
    ran = run_property(promise, check, side.box, examples=number, seed=round_, phases=MEASURING)
    seconds = time.perf_counter() - started
    if ran.violation or ran.trouble or ran.unsupported or ran.examples != number:
        raise RuntimeError(f"{side.name}: {ran}")
    return number / seconds


def _nothing() -> Any:
    from pytest_isolation.boxes.weakenings import share

    return share("pid")


def _alone(number: int, round_: int) -> float:
    from hypothesis import settings

    taken = 0

    @seed(round_)
    @settings(OURS, max_examples=number, phases=MEASURING)
    @given(sig=catchable_signals(), salt=salt)
    def nothing(sig: int, salt: int) -> None:
        nonlocal taken
        taken += 1

    run: Callable[[], None] = nothing
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    if taken != number:
        raise RuntimeError(f"Hypothesis took {taken} examples, not {number}")
    return number / seconds
