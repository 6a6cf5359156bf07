"""A daemon that is stopped while a run measures: its own rows say so, and what stays on it is remembered."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runs import Run
from tests.support import need

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("dockerd"), reason="needs a dockerd of its own")


@pytest.fixture
def place() -> Iterator[Path]:
    need("docker")
    made = Path(tempfile.mkdtemp(prefix="own-dockerd-"))
    yield made
    shutil.rmtree(made)


@contextmanager
def _daemon(place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon of our own, which shares nothing with the machine's.

    In a network namespace of its own: one that is started with --bridge=none removes the docker0 it finds.
    """
    where = [f"--data-root={place}/data", f"--exec-root={place}/exec", f"--pidfile={place}/pid"]
    apart = ["--bridge=none", "--iptables=false", "--storage-driver=vfs", f"--host={_address(place)}"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(["unshare", "--net", "dockerd", *where, *apart], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while _asked(place, "version").returncode:
            assert time.monotonic() < deadline, (place / "log").read_text()[-2000:]
            time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _asked(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", "--host", _address(place), *words], capture_output=True, text=True)


def _address(place: Path) -> str:
    return f"unix://{place}/docker.sock"


def test_a_daemon_that_stops_during_the_run(tmp_path: Path, place: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    boxes = ("--box", f"mine=docker:host={_address(place)},network=none", "--box", "namespaces")
    with _daemon(place) as process:
        one = Run(folder, "-v", "--isolation", *boxes, "--isolation-only", "pid.*")
        assert one.process.stdout is not None
        for line in one.process.stdout:
            if "HOLDS" in line and "[mine]" in line:
                break
        process.terminate()
        process.wait(60)
        done = one.wait(240)
    assert done.code == 1
    mine = [row for row in done.report["results"] if row["box"] == "mine"]
    away = [row for row in mine if row["verdict"] == "inconclusive"]
    # A container that is spoken to past its daemon is measured for as long as it lives.
    assert away, done.out
    assert {row["outcome"] for row in away} == {"failed"}
    assert {row["verdict"] for row in mine} == {"holds", "inconclusive"}
    assert len({row["reason"] for row in away if "went away during the run" in row["reason"]}) <= 1
    others = {row["verdict"] for row in done.report["results"] if row["box"] == "namespaces"}
    assert others == {"holds"}, "the rows of the other box are its own"
    done.said("not removed: ", "--isolation-clean")

    kept = Run(folder, "--isolation-clean", report=False).wait(60)
    assert kept.code == 1, "the daemon is down, and what is on it stays known"
    with _daemon(place):
        cleaned = Run(folder, "--isolation-clean", report=False).wait(120)
        assert cleaned.code == 0, cleaned.out
        cleaned.said("removed docker:image")
        assert _asked(place, "images", "--quiet").stdout == ""
        assert _asked(place, "ps", "--all", "--quiet").stdout == ""
