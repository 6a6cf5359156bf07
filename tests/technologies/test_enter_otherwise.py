"""Each kind of namespace that who enters is kept out of is seen, with real boxes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.technologies.namespaces.clone import CLONE
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need

CHECKS = {promise.id: (promise, test) for promise, test in built_in_checks() if promise.domain == "exec"}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    lifetime = Lifetime()
    made = Pool(lifetime)
    yield made
    made.close()
    lifetime.close()


@pytest.mark.parametrize("kind", [kind for kind in CLONE if kind != "user"])
def test_one_kind_left_out_is_seen(pool: Pool, kind: str) -> None:
    with pool.lend(need("namespaces"), fresh=True) as (box, _):
        box.parts.enter.__self__.plan.enters_namespaces.remove(kind)  # type: ignore[union-attr]
        ran = run_property(*CHECKS["exec.same-namespaces"], box, examples=10, seed=1, phases=PROVING)
        assert ran.violation is not None, ran
        assert kind in ran.violation.observed
        pool.discard(box.spec)


def test_a_box_without_a_door_says_so(pool: Pool) -> None:
    with pool.lend(need("chroot")) as (box, _):
        ran = run_property(*CHECKS["exec.same-caps"], box, examples=10, seed=1, phases=PROVING)
    assert "no way into a running box" in str(ran.unsupported)
