"""Guarantees that one hole breaks differ in the boxes that the kill matrix names: each is measured there again."""

from __future__ import annotations

import pytest

from pytest_isolation.guarantees.guarantee import EXAMPLES
from pytest_isolation.technologies.pool import Pool
from tests.kills import load, spec_of, twins, verdict, witnesses
from tests.support import built_in_checks, need

MATRIX = load()
CHECKS = built_in_checks()
CELLS = [
    pytest.param(column, ids, id=f"{ids[0]}-{column}", marks=pytest.mark.long("told apart"))
    for group in twins(promise for promise, _ in CHECKS)
    for ids in ([promise.id for promise in group],)
    for column in witnesses(MATRIX, ids)
]
TRIES = 3
"""Of what is broken there: on a busy machine a packet is lost, or an interface of others comes and goes meanwhile."""


@pytest.mark.parametrize(("column", "ids"), CELLS)
def test_they_differ_there(column: str, ids: list[str], pool: Pool) -> None:
    spec = spec_of(column)
    need(spec.technology)
    known = MATRIX[column]
    asked = [id for id in ids if id in known.measured and id not in known.unasked]
    found: dict[str, set[str]] = {id: set() for id in asked}
    for promise, check in CHECKS:
        if promise.id in found:
            there = promise.id in known.violated
            for _ in range(TRIES if there else 1):
                said = verdict(promise, check, spec, pool, EXAMPLES[promise.kind] if there else 3)
                if said == "violated":
                    break
            found[promise.id].add(said)
    broken = {id for id, said in found.items() if "violated" in said}
    assert broken == set(known.violated) & set(asked), found
    undecided = {id: said for id, said in found.items() if not said <= {"violated", "holds"}}
    assert not undecided
