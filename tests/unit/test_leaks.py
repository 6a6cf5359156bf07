"""What is read of a machine is taken apart into numbers, and a number of a box's is its machine's or is not."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import pytest

from pytest_isolation.errors import Undecided
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.machine import answering, leaks
from pytest_isolation.outside.machine.answering import Count
from pytest_isolation.outside.machine.leaks import Shown


def test_a_number_is_found_again_when_another_line_is_gone() -> None:
    before, after = leaks.numbers(b"a: 1 2\nb: 3\n"), leaks.numbers(b"b: 4\n")
    assert before == {(b"a:", 0, 0): 1, (b"a:", 0, 1): 2, (b"b:", 0, 0): 3}
    assert after == {(b"b:", 0, 0): 4}


def test_lines_that_begin_alike_or_with_a_number_are_counted() -> None:
    assert leaks.numbers(b"x 1\nx 2\n7 8\n9 1.25\n\n") == {
        (b"x", 0, 0): 1, (b"x", 1, 0): 2, (b"", 0, 0): 7, (b"", 0, 1): 8, (b"", 1, 0): 9, (b"", 1, 1): 125,
    }  # fmt: skip


def test_of_looks_at_a_machine_only_files_that_changed_are_read_for_numbers() -> None:
    calls: Shown = {"times(2)": {(b"", 0, 0): 5}}
    files = [{"same": b"1", "moved": b"2", "gone": b"3"}, {"same": b"1", "moved": b"2"}, {"same": b"1", "moved": b"4"}]
    assert leaks.changed([(calls, one) for one in files]) == [
        calls | {"moved": {(b"", 0, 0): 2}, "gone": {(b"", 0, 0): 3}},
        calls | {"moved": {(b"", 0, 0): 2}},
        calls | {"moved": {(b"", 0, 0): 4}},
    ]


@pytest.mark.parametrize("words", [b"0x00000000%08x-0x0000 20480 copy+0xb2 vmalloc", b"%08xab I--Q--- 3 perm 3f user"])
def test_a_number_of_another_line_has_not_moved(words: bytes) -> None:
    """/proc/vmallocinfo and /proc/keys: with each process that starts a line comes in between."""
    few, more = b"\n".join(words % one for one in (10, 30)), b"\n".join(words % one for one in (10, 20, 30))
    before, after = leaks.numbers(few), leaks.numbers(more)
    assert {place: after[place] for place in before} == before


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
    assert bool(answering._answering([_said(one) for one in looks], 100, COUNT)) is answers


def test_another_number_that_moves_as_far_is_not_the_machines() -> None:
    host, own = ([_said(first + more) for more in (0, 100, 0)] for first in (1000, 5000))
    at = ("f", (b"", 0, 0))
    assert answering._alike(host, host, at, 10)
    assert not answering._alike(own, host, at, 10)


HOST = [_said(one) for one in (1000, 1100, 1000)]


@pytest.mark.parametrize(
    ("inside", "answers"),
    [
        ((1000, 1100, 1000), True),
        ((1002, 1103, 1001), True),
        ((1000, 1000, 1000), False),  # it stands, and its machine's moved
        ((5000, 5000, 5000), False),
        ((5000, 5100, 5000), False),  # another's
        ((0, 0, 0), False),
    ],
)
def test_a_number_of_the_box_is_told_from_its_machines(inside: tuple[int, ...], answers: bool) -> None:
    same, there = answering.told_apart([_said(one) for one in inside], HOST, 100, COUNT)
    assert (bool(same), bool(there)) == (answers, True)


def test_the_machines_number_that_others_moved_is_no_sign_that_the_box_has_another() -> None:
    """On a busy machine: between a look of the machine's and the box's somebody took 40 more."""
    with pytest.raises(Undecided, match="others took and gave back"):
        answering.told_apart([_said(one) for one in (1000, 1140, 1000)], HOST, 100, COUNT)


def test_what_the_box_reads_has_to_have_answered_on_its_machine() -> None:
    """On a busy machine the file that the box reads as well may not answer, and another may, which it has not."""
    host = [one | {"g": {(b"", 0, 0): 7}} for one in HOST]
    with pytest.raises(Undecided, match="did not move on its machine"):
        answering.told_apart([{"g": {(b"", 0, 0): 7}}] * 3, host, 100, COUNT)
    assert answering.told_apart([{}] * 3, host, 100, COUNT)[0] == {}


def test_a_file_is_asked_of_which_a_number_answers_by_about_as_many() -> None:
    busy = [_said(one) for one in (1000, 1130, 980)]
    assert not answering._answering(busy, 100, COUNT)
    assert answering._answering(busy, 100, COUNT, answering.ABOUT)


def _other(n: int) -> dict[str, dict[leaks.Place, int]]:
    return {"other": {(b"", 0, 0): n}}


def test_that_a_box_has_no_number_of_its_machines_is_seen_twice() -> None:
    """On a busy machine something else may go up and down by as many, once, and the number that counts is lost."""
    lost = [_said(one) | _other(two) for one, two in ((1000, 500), (1030, 600), (990, 500))]
    blind = ([_other(one) for one in (7, 7, 7)], lost)
    found = [_said(one) | _other(500) for one in (1000, 1100, 1000)]
    seeing = (found, found)
    assert answering.settled([blind], 100, COUNT) == ({}, {})
    without = ([{}, {}, {}], lost)
    assert answering.settled([without], 100, COUNT) == ({}, {})
    same, there = answering.settled([without, seeing], 100, COUNT)
    assert same and there
    same, there = answering.settled([without, without], 100, COUNT)
    assert not same and [name for name, _ in there] == ["other"]
    same, _ = answering.settled([blind, seeing], 100, COUNT)
    assert same


def test_each_file_that_the_box_reads_has_to_have_answered() -> None:
    """red: it held in Docker, which reads the file that counts, since another answered twice and this one was lost."""
    lost = [_said(one) | _other(two) for one, two in ((1000, 500), (1130, 600), (990, 500))]
    blind = ([_said(one) | _other(7) for one in (1000, 1130, 990)], lost)
    with pytest.raises(Undecided, match="the box reads f, which did not go up and down twice"):
        answering.settled([blind, blind], 100, COUNT)
    found = [_said(one) | _other(two) for one, two in ((1000, 500), (1100, 600), (1000, 500))]
    own = ([_said(5) | _other(7)] * 3, found)
    assert answering.settled([own, own], 100, COUNT)[0] == {}
    still = [_said(1000) | _other(two) for two in (500, 600, 500)]
    assert answering.settled([([_said(5) | _other(7)] * 3, still)] * 2, 100, COUNT)[0] == {}, "f is not what counts"
    same, _ = answering.settled([blind, blind, (found, found)], 100, COUNT)
    assert {name for name, _ in same} == {"f", "other"}
