"""Every built-in technology passes the published suite, for real."""

from __future__ import annotations

import os

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unavailable
from pytest_isolation.technologies import conformance, names, technology

REQUIRED = frozenset(os.environ.get("PYTEST_ISOLATION_REQUIRE", "").split(",")) - {""}


@pytest.mark.parametrize("case", conformance.CASES, ids=conformance.name_of)
@pytest.mark.parametrize("name", names())
def test_conformance(name: str, case: conformance.Case) -> None:
    one, spec = technology(name), BoxSpec(technology=name)
    try:
        one.check_available(spec)
    except Unavailable as error:
        if name in REQUIRED:
            raise
        pytest.skip(str(error))
    case(one, spec)
