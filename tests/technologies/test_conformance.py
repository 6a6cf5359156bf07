"""Every built-in technology passes the published suite, for real."""

from __future__ import annotations

import pytest

from pytest_isolation.boxes.spec import OTHERS
from pytest_isolation.technologies import conformance, names, technology
from tests.support import need


@pytest.mark.parametrize("case", conformance.CASES, ids=conformance.name_of)
@pytest.mark.parametrize("name", [name for name in names() if name not in OTHERS])
def test_conformance(name: str, case: conformance.Case) -> None:
    case(technology(name), need(name))
