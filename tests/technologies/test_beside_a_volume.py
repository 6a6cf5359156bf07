"""vol.nothing-beside answers for any user, and does not blame a box for what it was handed on purpose."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from pytest_isolation import weaken
from pytest_isolation.boxes.lifetime import state_directory
from pytest_isolation.boxes.spec import BoxSpec, Volume
from pytest_isolation.guarantees.property import run_property
from pytest_isolation.guarantees.result import PropertyResult
from tests.support import built_in_checks, need, new_pool

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the hole is root's")
GIVEN = Volume(target="/volume")


def _ran(spec: BoxSpec, **changes: Any) -> PropertyResult:
    ((promise, test),) = [one for one in built_in_checks() if one[0].id == "vol.nothing-beside"]
    with new_pool() as pool:
        ran = run_property(promise, test, pool.box(replace(spec, **changes)), examples=3, seed=1)
    assert not (ran.trouble or ran.unsupported), ran
    return ran


@pytest.mark.parametrize("uid", [0, 1000])
def test_it_is_no_mode_bit_that_refuses(uid: int) -> None:
    """red: as user 1000 the marker lay in a directory of root's alone."""
    spec = need("namespaces")
    hole = spec.weakened(weaken.drop("volume-edge"))
    assert _ran(hole, volumes=(GIVEN,), uid=uid).violation is not None
    assert _ran(spec, volumes=(GIVEN,), uid=uid).violation is None


def test_a_directory_around_it_that_was_handed_in_as_well_is_no_way_out() -> None:
    """red: its path after many .. was one."""
    place = os.fspath(state_directory())
    assert _ran(need("namespaces"), volumes=(GIVEN, Volume(target=place, source=place))).violation is None
