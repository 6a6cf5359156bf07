"""What is one of each hierarchy of control groups is tried in each."""

from __future__ import annotations

import pytest

from pytest_isolation import weaken
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, need


def test_the_release_agent_of_each_is_tried(own_pool: Pool) -> None:
    """In one example: a box may be in the root group of a single one, and only there is the file."""
    promise, check = next(one for one in built_in_checks() if one[0].id == "cg.release-agent-denied")
    box = own_pool.box(need("namespaces").weakened(weaken.grant("SYS_ADMIN"), weaken.share("cgroup")))
    known = [line for line in box.outside.path("/proc/self/cgroup").read_text().splitlines() if ":" in line]
    names = [name for name in (line.split(":")[1] for line in known) if name]
    if not names:
        pytest.skip("no control groups of version 1 here")
    ran = run_property(promise, check, box, examples=1, seed=1, phases=PROVING)
    assert ran.violation is not None, (ran.trouble, ran.unsupported)
    found = str(ran.violation.observed["set"])
    assert [name for name in names if name not in found] == []
