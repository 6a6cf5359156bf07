"""No check misses its falsifier: the measurement of tests/power/measure.py, as tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.technologies.pool import Pool
from tests.power.measure import Unasked, all_serving, power
from tests.support import built_in_checks


@pytest.mark.long("power")
@pytest.mark.parametrize(("promise", "test"), [pytest.param(*one, id=one[0].id) for one in built_in_checks()])
def test_falsifier_is_caught_every_time(promise: Guarantee, test: Callable[..., Any], own_pool: Pool) -> None:
    unasked = ["nothing on this machine can open its falsifier"]
    for spec in all_serving(promise):
        try:
            found = power(promise, test, spec, own_pool)
        except Unasked as error:
            unasked.append(str(error))
            continue
        assert not found.missed, f"missed with seeds {found.missed} of {found.runs}"
        return
    pytest.skip(unasked[-1])
