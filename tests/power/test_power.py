"""How often a falsifier is caught at the default number of examples.

A run without a miss in n independent seeded runs bounds the probability of missing below
1 - 0.05 ** (1 / n) at 95 %: 299 runs give 0.01, 59 give 0.05.  Checks that take a window of time
or a fresh box an example get the lower floor: 299 of their runs would take most of an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.pool import Pool
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.guarantees.guarantee import EXAMPLES, Guarantee, Kind
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.technologies import technology
from tests.support import built_in_checks

RUNS: dict[Kind, int] = {"per-call": 299, "per-window": 59, "per-box": 59}


@pytest.mark.parametrize(("promise", "test"), [pytest.param(*one, id=one[0].id) for one in built_in_checks()])
def test_falsifier_is_caught_every_time(promise: Guarantee, test: Callable[..., Any]) -> None:
    if not promise.falsified_by <= technology("namespaces").weakenings():
        pytest.skip("the quickest technology cannot open this hole; tests/falsifiers tries the others")
    lifetime = Lifetime()
    pool = Pool(lifetime)
    spec = replace(BoxSpec(technology="namespaces").weakened(*promise.falsified_by), **promise.box)
    missed = []
    try:
        for seed in range(RUNS[promise.kind]):
            ran = run_property(
                promise, test, pool.box(spec), examples=EXAMPLES[promise.kind], seed=seed, phases=PROVING
            )
            assert ran.trouble is None, f"seed {seed}: {ran.trouble}"
            if ran.violation is None:
                missed.append(seed)
    finally:
        pool.close()
        lifetime.close()
    assert not missed, f"missed with seeds {missed} of {RUNS[promise.kind]}"
