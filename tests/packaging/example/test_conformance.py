"""The published suite, on the example."""

import pytest
from pytest_isolation_unshare import Unshare

from pytest_isolation import BoxSpec
from pytest_isolation.technologies import conformance


@pytest.mark.parametrize("case", conformance.CASES, ids=conformance.name_of)
def test_conformance(case):
    case(Unshare(), BoxSpec(technology="unshare"))
