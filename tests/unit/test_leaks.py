"""What is read of a machine is taken apart into numbers, and a number of a box's is its machine's or is not."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import pytest

from pytest_isolation.outside import leaks
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.leaks import Count, Shown


def test_a_number_is_found_again_when_another_line_is_gone() -> None:
    before, after = leaks.numbers(b"a: 1 2\nb: 3\n"), leaks.numbers(b"b: 4\n")
    assert before == {(b"a:", 0, 0): 1, (b"a:", 0, 1): 2, (b"b:", 0, 0): 3}
    assert after == {(b"b:", 0, 0): 4}


def test_lines_that_begin_alike_or_with_a_number_are_counted() -> None:
    assert leaks.numbers(b"x 1\nx 2\n7 8\n9 1.25\n\n") == {
        (b"x", 0, 0): 1, (b"x", 1, 0): 2, (b"", 0, 0): 7, (b"", 0, 1): 8, (b"", 1, 0): 9, (b"", 1, 1): 125,
    }  # fmt: skip


def _said(number: int) -> Shown:
    return {"f": {(b"", 0, 0): number}}


@pytest.mark.parametrize(
    ("inside", "follows"), [([15, 25, 35], True), ([10, 20, 30], True), ([15, 15, 35], False), ([5, 25, 35], False)]
)
def test_a_number_follows_between_two_of_the_machines(inside: list[int], follows: bool) -> None:
    host = [_said(number) for number in (10, 20, 30, 40)]
    assert leaks._between(inside, host, "f", (b"", 0, 0)) is follows


def test_what_does_not_move_each_time_is_not_asked() -> None:
    assert leaks._moving([1, 2, 3])
    assert not leaks._moving([1, 2, 2])
    assert not leaks._moving([1, None, 3])


def _nothing(box: Box, amount: int) -> AbstractContextManager[None]:
    return nullcontext()


COUNT = Count("x", "things", "counts things", _nothing, 1, 2, 0.1, units=(1, 4))


@pytest.mark.parametrize(
    ("looks", "answers"),
    [
        ([1000, 1100, 1000], True),
        ([1000, 900, 1000], True),  # what is left
        ([1000, 1400, 1005], True),  # counted in fours
        ([1000, 1100, 1100], False),
        ([1000, 1200, 1000], False),
    ],
)
def test_a_number_answers_that_goes_up_and_down_by_as_many(looks: list[int], answers: bool) -> None:
    assert bool(leaks._answering([_said(one) for one in looks], 100, COUNT)) is answers


def test_another_number_that_moves_as_far_is_not_the_machines() -> None:
    host, own = ([_said(first + more) for more in (0, 100, 0)] for first in (1000, 5000))
    at = ("f", (b"", 0, 0))
    assert leaks._alike(host, host, at, 10)
    assert not leaks._alike(own, host, at, 10)
