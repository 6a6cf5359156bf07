"""The guarantees port.limit-*: who has words for a limit keeps it, who has none is not asked, and a refusal is none."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from pytest_isolation import Box
from pytest_isolation.boxes.weakenings import lossy
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import PROVING, Check, run_property
from pytest_isolation.guarantees.result import PropertyResult
from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.limits.as_written import WRITTEN
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need, plain

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="limits are for root")
CHECKS: dict[str, tuple[Guarantee, Check]] = {one.id: (one, test) for one, test in built_in_checks()}


def measured(limit: str, box: Box) -> PropertyResult:
    promise, test = CHECKS[f"port.limit-{limit}"]
    return run_property(promise, test, box, examples=2, seed=1, phases=PROVING)


@pytest.mark.parametrize("limit", [one.limit for one in WRITTEN])
@pytest.mark.parametrize("name", ["runc", "lxc"])
def test_what_was_written_is_kept(name: str, limit: str, pool: Pool) -> None:
    if limit == "cpuset-cpus" and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this machine gives us one processor: a box cannot be asked to have less")
    ran = measured(limit, pool.box(need(name)))
    assert (ran.violation, ran.unsupported, ran.trouble) == (None, None, None)


@pytest.mark.parametrize("name", ["docker", "podman", "crun", "cri", "nspawn"])
def test_a_limit_that_is_lost_is_found_missing(name: str, pool: Pool) -> None:
    assert measured("oom-score-adj", pool.box(need(name))).violation is None
    ran = measured("oom-score-adj", pool.box(need(name).weakened(lossy("limit-oom-score-adj"))))
    assert ran.violation is not None
    # And no other limit with it.
    assert measured("oom-score-adj", pool.box(need(name).weakened(lossy("limit-cpuset-cpus")))).violation is None


@pytest.mark.parametrize("text", ["podman:oom_score_adj=500", "lxc:config=lxc.proc.oom_score_adj=500+"])
def test_the_users_own_keyword_is_not_the_one_that_is_asked_for(text: str, pool: Pool) -> None:
    spec = parse(text)
    need(spec.technology)
    ran = measured("oom-score-adj", pool.box(spec))
    assert (ran.violation, ran.unsupported, ran.trouble) == (None, None, None)


@pytest.mark.parametrize(("name", "limit"), [("namespaces", "memory"), ("nspawn", "memory"), ("cri", "pids")])
def test_who_has_no_words_is_not_asked(name: str, limit: str, pool: Pool) -> None:
    need(name)
    assert "has no words for" in str(measured(limit, pool.box(plain(name))).unsupported)


def test_a_text_that_is_refused_decides_nothing(pool: Pool) -> None:
    promise, check = CHECKS["port.limit-oom-score-adj"]
    beyond = replace(check.arguments["entry"], ways=lambda number, box: [("5000", "5000")])
    check = replace(check, arguments={**check.arguments, "entry": beyond})
    ran = run_property(promise, check, pool.box(need("runc")), examples=2, seed=1, phases=PROVING)
    assert "written as '5000' is not taken" in str(ran.unsupported)


def test_one_start_serves_all_that_a_box_can_have_at_once(own_pool: Pool) -> None:
    """Ten guarantees took five starts each; one that has a limit on memory of its own still starts by itself."""
    box = own_pool.box(need("runc"))
    for limits, starts in ((("pids", "nofile", "cpu-shares"), 3), (("memory-swap",), 5)):
        for limit in limits:
            ran = measured(limit, box)
            assert (ran.violation, ran.trouble, ran.decided) == (None, None, 2)
        assert len(own_pool.starts["runc"]) == starts, "the box itself, and one for each of two inputs"
