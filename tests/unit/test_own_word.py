"""What technologies say to another user than ours."""

from __future__ import annotations

import os

import pytest

from pytest_isolation.support.own import ask

LAZY = ("docker", "cri")
"""Who imports a library once it is asked."""


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is asked by root")
def test_a_library_that_root_alone_can_read_is_not_missing() -> None:
    """red: "the CRI is spoken by gRPC, and pkgutil is not installed", of a Python in root's home."""
    ours, nobodys = ask(LAZY, "root"), ask(LAZY, "user")
    for name in LAZY:
        if "is not installed" not in str(ours[name].reason):
            assert "is not installed" not in str(nobodys[name].reason), name
