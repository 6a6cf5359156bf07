"""What opens for writing without any privilege, and sets a namespace of the box alone, is no setting of the machine."""

from __future__ import annotations

import pytest

from pytest_isolation.options.boxes import parse
from pytest_isolation.outside.machine.settings import NAMESPACED, PLACES, Place, files, opened
from pytest_isolation.technologies.pool import Pool

NOBODY = 65534


@pytest.mark.parametrize("place", PLACES, ids=lambda one: one.slug)
def test_who_has_no_privilege_opens_none(place: Place, own_pool: Pool) -> None:
    with own_pool.launch(parse("host")) as box, box.spawn() as proc:
        found = files(proc, place.path)
        assert proc.setresgid(NOBODY, NOBODY, NOBODY).ok
        assert proc.setresuid(NOBODY, NOBODY, NOBODY).ok
        writable, told = opened(proc, found)
    assert writable == []
    assert len(told) == len(found) > 3
    assert not set(found) & set(NAMESPACED)
