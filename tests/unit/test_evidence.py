"""What of a program becomes evidence: the calls until the one that proves the violation, and which those are."""

from __future__ import annotations

import pytest

from pytest_isolation.agent.program import Reply
from pytest_isolation.guarantees.result import Program
from pytest_isolation.suite.cell import CALLS_KEPT, cropped

LONG = tuple(f"getpid() = {number}" for number in range(CALLS_KEPT + 40))


@pytest.mark.parametrize(
    ("made", "proof", "calls", "shown"),
    [
        (("a", "b", "c"), (1,), ("a", "b"), (1,)),
        (("a", "b", "a", "c"), (0,), ("a",), (0,)),
        (("a", "b", "c"), (0, 2), ("a", "b", "c"), (0, 2)),
        (("a", "b"), (), ("a", "b"), ()),
        ((), (), (), ()),
        (LONG, (70,), LONG[11:71], (59,)),
        (LONG, (0, 70), LONG[11:71], (59,)),
    ],
    ids=["clean-up goes", "the first of equals", "several", "no call", "empty", "long", "far apart"],
)
def test_cropped(made: tuple[str, ...], proof: tuple[int, ...], calls: tuple[str, ...], shown: tuple[int, ...]) -> None:
    assert cropped(made, proof) == (calls, shown)


def test_calls_that_read_alike_are_told_apart() -> None:
    first, second, third = (Reply("getpid", (), 1) for _ in range(3))
    assert str(first) == str(second) == "getpid() = 1"
    assert first == second, "equal, and not the same"
    assert Program.of([first, second, third], [second]).proof == (1,)
    assert Program.of([first, second, third], [third, first]).proof == (0, 2)


def test_what_no_process_of_the_box_has_done_is_told_besides() -> None:
    made, outside = Reply("read", (3,), 4), Reply("read", (3,), 4)
    found = Program.of([made], ["4 busy processes", outside, made])
    assert found == Program(("read(3) = 4",), (0,), ("4 busy processes", "read(3) = 4"))
