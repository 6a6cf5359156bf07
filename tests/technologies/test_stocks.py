"""What a box takes of a machine's stock is told apart from what everybody else takes meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest

from pytest_isolation import Box
from pytest_isolation.agent.client import Proc, Reply
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Undecided
from pytest_isolation.outside.limits.stocks import STOCKS, Stock, risen
from pytest_isolation.technologies.pool import Pool

AMOUNT = 16


@pytest.fixture(scope="module")
def box(pool: Pool) -> Box:
    return pool.box(BoxSpec(technology="host"))


class _Account:
    """Of a machine on which `others` have so many, another number each time; counts the box's own where `counting`."""

    def __init__(self, others: Callable[[int], int], counting: bool) -> None:
        self.others, self.counting, self.own, self.looks = others, counting, 0, 0

    def take(self, box: Box, proc: Proc, amount: int, undo: ExitStack) -> Sequence[Reply]:
        self.own = amount
        undo.callback(setattr, self, "own", 0)
        return [proc.getpid() for _ in range(amount)]

    def used(self, box: Box) -> tuple[int, int]:
        self.looks += 1
        return 1000 + self.others(self.looks) + (self.own if self.counting else 0), 100_000

    def stock(self) -> Stock:
        return replace(STOCKS[0], take=self.take, used=self.used)


def _quiet(_: int) -> int:
    return 0


def _busy(look: int) -> int:
    return 37 * look


def _once(look: int) -> int:
    return 500 if look == 2 else 0


@pytest.mark.parametrize(("others", "counting"), [(_quiet, True), (_quiet, False), (_once, True), (_once, False)])
def test_an_account_that_moves_with_the_box_is_told_from_one_that_does_not(
    box: Box, others: Callable[[int], int], counting: bool
) -> None:
    _, seen = risen(box, _Account(others, counting).stock(), AMOUNT)
    assert bool(seen) == counting


@pytest.mark.parametrize("counting", [True, False])
def test_where_others_take_all_the_while_nothing_is_said(box: Box, counting: bool) -> None:
    """It is no sign that the account has nothing of the box's."""
    with pytest.raises(Undecided, match="others took and gave back"):
        risen(box, _Account(_busy, counting).stock(), AMOUNT)


def test_one_that_was_taken_says_nothing(box: Box) -> None:
    """As much is what an account may be wrong by: one that stood still would look as if it had moved."""
    account = _Account(_quiet, False)

    def take_one(box: Box, proc: Proc, amount: int, undo: ExitStack) -> Sequence[Reply]:
        return [proc.getpid(), *(proc.close(-1) for _ in range(amount - 1))]

    with pytest.raises(Undecided, match="too few to see"):
        risen(box, replace(account.stock(), take=take_one), AMOUNT)
