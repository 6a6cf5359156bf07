"""Rows that differ in nothing but what was drawn are one paragraph."""

from __future__ import annotations

import pytest

from pytest_isolation.report.summary import same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("process 812 ended", "process 93 ended"),
        ("no receipt: /tmp/decoy-4711-abc", "no receipt: /tmp/decoy-90210-abc"),
        ("container pytest-isolation-3f9ac1d2e0b4-7 is gone", "container pytest-isolation-77aa01bc9e3d-7 is gone"),
        ("mkdir /tmp/pytest-isolation-0/3f9ac1d2e0b4-811/root-x8df_y2k: EROFS",
         "mkdir /tmp/pytest-isolation-0/3f9ac1d2e0b4-811/root-k2_9aa0b: EROFS"),
        ("read(0x7ffc12aa, 12) failed", "read(0x7ffd00ab, 12) failed"),
    ],
)  # fmt: skip
def test_one_cause(one: str, other: str) -> None:
    assert same(one) == same(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("openat() = -1 EACCES", "openat() = -1 EROFS"),
        ("it ended with status 126", "it ended with status 127"),
        ("docker refused: permission denied", "podman refused: permission denied"),
        ("/etc/shadow cannot be read", "/etc/passwd cannot be read"),
        ("the box has no network", "the box has no memory"),
    ],
)
def test_two_causes(one: str, other: str) -> None:
    assert same(one) != same(other)
