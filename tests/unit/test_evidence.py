"""What of a program becomes evidence: the calls until the one that proves the violation, and which those are."""

from __future__ import annotations

import pytest

from pytest_isolation.suite.cell import CALLS_KEPT, marked

LONG = [f"getpid() = {number}" for number in range(CALLS_KEPT + 40)]


@pytest.mark.parametrize(
    ("program", "told", "calls", "proof", "others"),
    [
        (["a", "b", "c"], ["b"], ["a", "b"], [1], []),
        (["a", "b", "a", "c"], ["a"], ["a", "b", "a"], [2], []),
        (["a", "b", "c"], ["c", "a"], ["a", "b", "c"], [0, 2], []),
        (["a", "b"], ["4 busy processes"], ["a", "b"], [], ["4 busy processes"]),
        (["a", "b", "c"], ["b", "accept4() = 4"], ["a", "b"], [1], ["accept4() = 4"]),
        ([], ["x"], [], [], ["x"]),
        (LONG, [LONG[70]], LONG[11:71], [59], []),
        (LONG, [LONG[0], LONG[70]], LONG[11:71], [59], []),
    ],
    ids=["clean-up goes", "the last of equals", "several", "no call", "of somebody else", "empty", "long", "far apart"],
)
def test_marked(program: list[str], told: list[str], calls: list[str], proof: list[int], others: list[str]) -> None:
    assert marked(program, told) == (calls, proof, others)
