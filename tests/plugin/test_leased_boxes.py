"""Controls with equal boxes share one, and what one of them leaves there decides no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.suite.controls import Control, Controls, State
from pytest_isolation.technologies.pool import MOST_LEASED, Pool
from tests.support import need

LEFT = "/tmp/left-by-a-control"


def _promise(id: str) -> Guarantee:
    return guarantee(
        id,
        claim="a claim",
        sources=("a source",),
        severity=severity.host("signals processes of the host"),
        falsified_by=weaken.share("uts"),
    )


first, second, third = map(_promise, ("uts.first", "uts.second", "uts.third"))


@first
@given(number=st.integers(0, 9))
def breaks(box: Box, number: int) -> None:
    first.require(False)


@second
@given(number=st.integers(0, 9))
def breaks_on_a_clean_box(box: Box, number: int) -> None:
    second.require(not box.proc.mkdirat(AT_FDCWD, LEFT).ok)


@third
@given(number=st.integers(0, 9))
def breaks_on_a_clean_box_too(box: Box, number: int) -> None:
    third.require(not box.proc.mkdirat(AT_FDCWD, LEFT).ok)


@pytest.fixture
def own_pool(own_pool: Pool) -> Pool:
    need("namespaces")
    return own_pool


def test_equal_boxes_are_one_and_a_silent_check_gets_its_own(own_pool: Pool, tmp_path: Path) -> None:
    controls = Controls(own_pool, tmp_path, seed=1)
    fired = Control(State.FIRED, "namespaces")
    assert controls.of(first, breaks, "namespaces") == fired
    assert controls.of(second, breaks_on_a_clean_box, "namespaces") == fired
    assert len(own_pool.starts["control-namespaces"]) == 1
    assert controls.of(third, breaks_on_a_clean_box_too, "namespaces") == fired
    assert len(own_pool.starts["control-namespaces"]) == 2


def test_a_box_that_has_ended_or_was_in_trouble_is_lent_to_nobody(own_pool: Pool) -> None:
    spec = BoxSpec(technology="namespaces", name="leased")
    with own_pool.leased(spec) as (box, used):
        assert not used
    box.close()
    with own_pool.leased(spec) as (other, used):
        assert (other.alive, used) == (True, False)
    with pytest.raises(ZeroDivisionError), own_pool.leased(spec):
        raise ZeroDivisionError
    with own_pool.leased(spec) as (_, used):
        assert not used


def test_few_are_kept(own_pool: Pool) -> None:
    specs = [
        BoxSpec(technology="namespaces", name="leased", hostname=f"box-{number}") for number in range(MOST_LEASED + 1)
    ]
    for spec in specs:
        with own_pool.leased(spec):
            pass
    with own_pool.leased(specs[0]) as (_, used):
        assert not used
    with own_pool.leased(specs[-1]) as (_, used):
        assert used


def test_a_control_is_over_with_its_first_violation(own_pool: Pool) -> None:
    box = own_pool.box(BoxSpec(technology="namespaces"))
    once = run_property(first, breaks, box, examples=10, seed=1, phases=PROVING, confirm=False)
    assert (once.examples, str(once.violation)) == (1, "a claim: broken")
    assert once.arguments == {"number": "0"}
    confirmed = run_property(first, breaks, box, examples=10, seed=1, phases=PROVING)
    assert confirmed.examples > 1
    again = run_property(first, breaks, box, examples=10, seed=1, phases=PROVING)
    assert again.examples == confirmed.examples  # what ended early has left nothing with Hypothesis
