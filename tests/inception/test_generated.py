"""Generated submissions: what is true of them is known, and the audit says that and nothing else.

Two thousand: `dev/generated-submissions`. Here is a small share, drawn by the commit.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.inception.generated.choices import Made
from tests.inception.generated.judged import compared, judged
from tests.inception.generated.stack import BREAKABLE
from tests.inception.generated.submission import submission
from tests.shares import seed_of_commit

NUMBER = 40


def test_the_audit_says_what_is_true() -> None:
    seed = os.environ.get("PYTEST_ISOLATION_SEED") or seed_of_commit()
    tally = judged(NUMBER, seed)
    again = f"dev/generated-submissions {NUMBER} {seed}"
    assert not tally.faults, (
        "\n".join(f"{one.kind}: {one.found}\n    {one.drawn}" for one in tally.faults) + f"\n{again}"
    )
    assert tally.submissions == NUMBER
    assert tally.told == tally.breaches > NUMBER // 2


def first(rule: str) -> Made:
    """A submission with that breach alone: the first choice everywhere else."""

    def choose(of: object) -> object:
        assert isinstance(of, tuple)
        return rule if of == BREAKABLE else 1 if of == (0, 1, 1, 2, 2, 3) else of[0]

    return submission(choose)


@pytest.mark.parametrize("rule", ["C08", "N01"])
def test_what_is_judged_otherwise_is_a_fault(rule: str, tmp_path: Path) -> None:
    """The control: with another truth the same submission is a missed breach, or a wrong finding."""
    made = first(rule)
    assert made.says == {rule: "fail"}
    assert not compared(made, tmp_path / "right").faults
    innocent = compared(replace(made, says={}), tmp_path / "innocent")
    assert [one.kind for one in innocent.faults] == [f"wrong {rule}: fail"]
    worse = compared(replace(made, says={rule: "fail", "C04": "fail"}), tmp_path / "worse")
    assert [one.kind for one in worse.faults] == ["missed C04: pass"]
