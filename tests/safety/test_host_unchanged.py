"""The host after a run equals the host before it, in all that we own or could have made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_isolation.technologies.fingerprint import fingerprint, settled_differences
from tests.support import need


@pytest.mark.long("host unchanged")
@pytest.mark.parametrize("name", ["host", "chroot", "namespaces", "docker"])
def test_a_run_leaves_the_host_as_it_found_it(name: str, tmp_path: Path) -> None:
    """Every check on this technology, falsifiers included: what they opened is closed again."""
    need(name)
    before = fingerprint()
    command = [sys.executable, "-m", "pytest", "-q", "--isolation", "--box", name, "--isolation-examples", "5"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
    assert settled_differences(before) == []
    assert list(tmp_path.iterdir()) == [], "the run left files where it was started"


def test_host_support_leaves_the_host_as_it_found_it(tmp_path: Path) -> None:
    """Every feature tried, as root and as a user."""
    before = fingerprint()
    command = [sys.executable, "-m", "pytest", "-q", "--isolation-host"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert settled_differences(before) == []
    assert list(tmp_path.iterdir()) == [], "the run left files where it was started"
