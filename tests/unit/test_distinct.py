"""Guarantees that the same holes break give equal rows: each but one says why it is a guarantee of its own."""

from __future__ import annotations

from collections import defaultdict

import pytest

from pytest_isolation.boxes.weakenings import Weakenings, share, unlimited
from pytest_isolation.guarantees import severity
from pytest_isolation.guarantees.guarantee import Guarantee, guarantee
from pytest_isolation.suite.collect import built_in_guarantees


def unexplained(promises: list[Guarantee]) -> list[list[str]]:
    """Groups with equal falsifiers, of which more than one says nothing."""
    groups: dict[Weakenings, list[str]] = defaultdict(list)
    for promise in promises:
        if not promise.distinct:
            groups[promise.falsified_by].append(promise.id)
    return [ids for ids in groups.values() if len(ids) > 1]


def test_equal_falsifiers_are_explained() -> None:
    told = unexplained(list(built_in_guarantees()))
    assert not told, f"{told[0]} have one falsifier: each but one needs `distinct`, why it is a guarantee of its own"


@pytest.mark.parametrize(
    ("hole", "distinct", "told"), [(share("pid"), "", 1), (share("pid"), "why", 0), (unlimited("pids"), "", 0)]
)
def test_a_second_one_without_a_reason_is_told(hole: object, distinct: str, told: int) -> None:
    first = guarantee(
        "a.b",
        claim="c",
        sources=("s",),
        severity=severity.host("signals processes of the host"),
        falsified_by=share("pid"),
    )
    second = guarantee(
        "a.c",
        claim="c",
        sources=("s",),
        severity=severity.host("signals processes of the host"),
        falsified_by=hole,
        distinct=distinct,
    )  # type: ignore[arg-type]
    assert len(unexplained([first, second])) == told


def test_reasons_differ() -> None:
    reasons: dict[str, list[str]] = {}
    for promise in built_in_guarantees():
        reasons.setdefault(promise.distinct, []).append(promise.id)
    twice = {reason: ids for reason, ids in reasons.items() if reason and len(ids) > 1}
    assert not twice, "`distinct=` says the same of several: say of each what the others do not try"
