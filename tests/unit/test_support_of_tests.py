"""A test that compares with what is on record says so where there is no record of what is here."""

from __future__ import annotations

import pytest

from tests.support import skip_unless_measured_with


def test_another_version_is_no_silent_pass() -> None:
    """red: a bare return, which passed and had compared with nothing."""
    skip_unless_measured_with("1.2", "1.2")
    with pytest.raises(pytest.skip.Exception, match=r"measured with 1\.2; here is None"):
        skip_unless_measured_with("1.2", None)
