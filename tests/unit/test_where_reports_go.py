"""Where a report cannot be written, the next step is said before anything is measured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77
exec "$2" -c 'import pathlib, sys
from pytest_isolation.report.write import check_writable
check_writable(pathlib.Path(sys.argv[1], "r.json"), "here")' "$1"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount is root's to make")
def test_a_file_system_that_is_read_only(tmp_path: Path) -> None:
    """red: "cannot be written by this user; ... change its mode", which mends nothing."""
    line = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", os.fspath(tmp_path), sys.executable]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(f"no mount can be made here: {done.stderr}")
    assert f"here: {tmp_path / 'r.json'} is on a file system that is read-only; choose another path" in done.stderr
