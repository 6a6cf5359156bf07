"""A /proc of another PID namespace says of processes what is another's: nothing is begun over it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SAYS = "from pytest_isolation.boxes.lifetime import state_directory as one; one()"


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace without a user namespace is root's to make")
def test_a_proc_of_another_namespace_is_told_before_anything_starts() -> None:
    """red: rows that were not measured, after ninety seconds, and a register that said another's start time."""
    python = [sys.executable, "-c", SAYS]
    foreign = subprocess.run(["unshare", "--pid", "--fork", *python], capture_output=True, text=True)
    assert "/proc is not of this PID namespace: it says " in foreign.stderr
    assert "of this process, which is 1. Mount one: mount -t proc proc /proc" in foreign.stderr
    own = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", *python], capture_output=True, text=True)
    assert (own.returncode, own.stderr) == (0, "")
