"""The reference submission passes every rule."""

from __future__ import annotations

from pathlib import Path

from pytest_isolation.inception.registry import every_rule
from tests.inception.support import judge, reference


def test_every_rule_passes(tmp_path: Path) -> None:
    verdicts = judge(reference(tmp_path / "reference"))
    assert {rule: said for rule, said in verdicts.items() if said != "pass"} == dict.fromkeys(
        ["S10", "W07", *(f"B0{number}" for number in range(1, 7))], "not-applicable"
    )
    assert list(verdicts) == [rule.id for rule in every_rule()]


def test_there_are_many_rules() -> None:
    assert len(every_rule()) >= 60
    for rule in every_rule():
        assert rule.asks.endswith(".") and rule.look
