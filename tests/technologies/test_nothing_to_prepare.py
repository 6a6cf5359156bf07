"""Boxes in which little or nothing can be made: what they allow is found all the same, and nothing is made up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.pool import Pool
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import Ran, run_property
from tests.support import built_in_checks, need

CHECKS = {promise.id: (promise, test) for promise, test in built_in_checks()}
READ_ONLY = "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev {agent}"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    lifetime = Lifetime()
    made = Pool(lifetime)
    yield made
    made.close()
    lifetime.close()


def measured(pool: Pool, id: str, spec: BoxSpec, examples: int = 30) -> Ran:
    promise: Guarantee
    test: Callable[..., Any]
    promise, test = CHECKS[id]
    return run_property(promise, test, pool.box(spec), examples=examples, seed=1)


@pytest.mark.parametrize(
    "id", ["mnt.mount-denied", "mnt.new-mount-api-denied", "mnt.fresh-proc-denied", "mnt.userns-mount-denied"]
)
def test_a_read_only_root_is_no_refusal_to_mount(pool: Pool, id: str) -> None:
    """By hand each of these mounts works at /mnt."""
    need("command")
    ran = measured(pool, id, BoxSpec(technology="command", options=(("", READ_ONLY),)))
    assert ran.violation is not None, (ran.trouble, ran.unsupported)
