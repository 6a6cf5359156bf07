"""A box that is paused ends all the same: with its run, and by the next one where its run was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.guarantees.property import run_property
from tests.support import built_in_checks, need, new_pool

KILLED = """
import os, signal, sys
from pytest_isolation import BoxSpec
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.technologies.pool import Pool

box = Pool(Lifetime()).launch(BoxSpec(technology=sys.argv[1]))
with box.paused(), open(sys.argv[2], "w") as told:
    told.write(str(box.parts.init_pid))
    told.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
PAUSED = pytest.mark.parametrize("name", ["namespaces", "docker", "runc"])


def _need(name: str) -> BoxSpec:
    """Skips for another user than root, who has no freezer for the group of a box."""
    if os.geteuid() != 0:
        pytest.skip("only root has a freezer for the control group of a box")
    return need(name)


def _ended(pid: int, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not Path(f"/proc/{pid}").exists()


@PAUSED
def test_the_next_run_ends_a_box_that_is_paused(name: str, tmp_path: Path) -> None:
    _need(name)
    environment = os.environ | {"TMPDIR": os.fspath(tmp_path)}
    told = tmp_path / "pid"
    # Nothing of it is awaited but its end: what is paused keeps the pipes that it was given.
    done = subprocess.run([sys.executable, "-c", KILLED, name, told], env=environment, stderr=subprocess.DEVNULL)
    assert done.returncode == -signal.SIGKILL
    cleaned = subprocess.run(
        [sys.executable, "-m", "pytest", "--isolation-clean"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    assert "0 kept" in cleaned.stdout
    assert _ended(int(told.read_text(encoding="utf-8")))


@PAUSED
def test_a_box_that_is_closed_while_it_is_paused_ends(name: str) -> None:
    spec = _need(name)
    with new_pool() as pool:
        box = pool.launch(spec)
        pid = box.parts.init_pid
        with box.paused():
            box.close()
        assert pid is not None and _ended(pid)


@pytest.mark.long(seconds=12)
def test_a_box_that_takes_its_time_to_go_on_goes_on() -> None:
    """As on a busy machine: no verdict depends on speed."""
    spec = _need("namespaces")
    promise, test = next(one for one in built_in_checks() if one[0].id == "life.pause-stops-started")
    with new_pool() as pool, pool.launch(spec) as box:
        assert box.parts.pausing is not None
        later = threading.Timer(11, box.parts.pausing.resume)
        box.parts.pausing.resume = later.start
        ran = run_property(promise, test, box, examples=1, seed=1)
        later.join()
    assert (ran.violation, ran.trouble, ran.unsupported) == (None, None, None)
