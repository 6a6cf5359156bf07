"""What a killed audit registered is removed by the next run, through the entry point of the undoers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_isolation.errors import BoxError, UsageError
from pytest_isolation.technologies import undo
from pytest_isolation.technologies.clean import clean
from pytest_isolation.technologies.docker.daemon import connect
from tests.support import need

KILLED = """
import os
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.inception.live.leftovers import LABEL
from pytest_isolation.technologies.docker.daemon import connect

name = f"isolation-left-{os.getpid()}"
api, life = connect(None).api, Lifetime()
for kind in ("project", "project-network", "project-volume"):
    life.register(f"inception:{kind}", name if kind == "project" else f"{name}-{kind}")
api.create_network(f"{name}-other", labels={LABEL: name})
api.create_network(f"{name}-project-network")
api.create_volume(f"{name}-project-volume")
print(name, flush=True)
os.kill(os.getpid(), 9)
"""


def things(name: str) -> list[str]:
    """Networks and volumes of that name's beginning."""
    api = connect(None).api
    found = [one["Name"] for one in [*api.networks(), *(api.volumes()["Volumes"] or ())]]
    return sorted(one for one in found if one.startswith(name))


def test_a_killed_audit_is_cleaned_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("docker")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == -9, done.stderr
    name = done.stdout.strip()
    try:
        assert things(name) == [f"{name}-other", f"{name}-project-network", f"{name}-project-volume"]
        outcomes = {one.kind: one.outcome for one in clean() if one.handle.startswith(name)}
        assert outcomes == dict.fromkeys(
            ("inception:project", "inception:project-network", "inception:project-volume"), "removed"
        )
        assert things(name) == []
    finally:
        for one in things(name):
            undo("inception:project-network", one)
            undo("inception:project-volume", one)


def test_a_kind_that_nobody_removes_is_said() -> None:
    with pytest.raises(BoxError, match="inception:wall is nothing this version knows how to remove; remove x by hand"):
        undo("inception:wall", "x")
    with pytest.raises(UsageError, match="no technology is called 'nobody'"):
        undo("nobody:wall", "x")
