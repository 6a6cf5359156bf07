"""The engines of another Debian release, in a root of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError, Unavailable, UsageError
from pytest_isolation.machines import release, root
from pytest_isolation.technologies.clean import clean

IN_SID = pytest.mark.long(seconds=120)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a root is entered by root")

COMMAND = [sys.executable, "-m", "pytest_isolation.cli", "in-root", "--suite", "sid", "--"]
BOXES = ("docker", "podman", "lxc", "runc", "crun", "bubblewrap", "cri")
WANTED = ("cg.pids.enforced", "mnt.no-leak-out", "pid.host-processes-hidden")


def groups(pid: int) -> list[Path]:
    """What is left of the control groups of the run of a process, on every hierarchy."""
    return [path for place in set(cgroups.hierarchies().values()) for path in (place / cgroups.TOP).glob(f"*-{pid}")]


def test_another_suite_is_told(run: Lifetime) -> None:
    with pytest.raises(UsageError, match=r"no suite 'buster'; expected one of bookworm, trixie, sid"):
        root.run_inside(run, "buster", [], Path(), say=print)


def test_a_root_has_its_release_in_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    places = {root.Root(suite).place for suite in release.SUITES}
    assert len(places) == len(release.SUITES)
    assert all(place.parent == tmp_path / "pytest-isolation" for place in places)


def test_half_of_one_is_removed(run: Lifetime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(release, "ENGINES", ("no-such-package",))
    with pytest.raises(BoxError, match="mmdebstrap ended with status"):
        root.made(root.Root("sid"), run, print)
    assert [path.name for path in (tmp_path / "pytest-isolation").iterdir() if path.suffix != ".lock"] == []


@IN_SID
def test_engines_of_sid_are_measured_and_leave_nothing(tmp_path: Path) -> None:
    boxes = [word for name in BOXES for word in ("--box", name)]
    asked = ["--isolation-only", ",".join(WANTED), "--isolation-examples", "2", "--isolation-report", "json:sid.json"]
    line = [*COMMAND, *boxes, *asked]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as done:
        said, _ = done.communicate(timeout=900)
    assert done.returncode == 0, said
    report = json.loads((tmp_path / "sid.json").read_text())
    versions = {box["name"]: box["version"] for box in report["boxes"]}
    major = {name: int(version.split(".")[0]) for name, version in versions.items()}
    assert major.items() >= {"docker": 28, "podman": 5, "lxc": 7, "cri": 2}.items(), versions
    rows = {(row["box"], row["guarantee"]): row["verdict"] for row in report["results"]}
    assert len(rows) == len(BOXES) * len(WANTED)
    assert {pair for pair, verdict in rows.items() if verdict != "holds"} <= {("bubblewrap", "cg.pids.enforced")}
    assert report["host"]["python"].startswith("3.1"), "the root's own"
    assert groups(done.pid) == []
    assert f"-{done.pid}/" not in Path("/proc/self/mounts").read_text()


@IN_SID
def test_what_no_witness_sees_there_is_not_decided(tmp_path: Path) -> None:
    """Boxes are made in memory there, and no tree of control groups has the file: no control could fire."""
    only = "cg.release-agent-denied,mnt.disk-not-used-up,mnt.inodes-not-used-up"
    asked = ["--box", "runc", "--isolation-only", only, "--isolation-examples", "2"]
    line = [*COMMAND, *asked, "--isolation-report", "json:sid.json"]
    done = subprocess.run(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    assert done.returncode == 5, done.stdout  # nothing of what was asked for could be measured
    told = [(row["verdict"], row["reason"]) for row in json.loads((tmp_path / "sid.json").read_text())["results"]]
    assert len(told) == 3
    assert all(verdict == "unsupported" and reason.startswith("no example came") for verdict, reason in told), told


@IN_SID
def test_a_killed_one_leaves_what_the_next_run_removes(run: Lifetime, tmp_path: Path) -> None:
    root.made(root.Root("sid"), run, print)
    with subprocess.Popen([*COMMAND, "--box", "namespaces"], cwd=tmp_path, stdout=subprocess.PIPE) as started:
        deadline = time.monotonic() + 120
        while not (inside := _inside(started.pid)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert inside, "pytest did not start in the root"
        assert groups(started.pid)
        started.send_signal(signal.SIGKILL)
        started.wait()
    _, alive = psutil.wait_procs(inside, timeout=10)
    assert alive == [], "they end with the namespace"
    assert {one.kind for one in clean() if one.outcome == "removed"} >= {"cgroup", "directory"}
    assert groups(started.pid) == []


def _inside(pid: int) -> list[psutil.Process]:
    """All below the command once pytest is among them."""
    try:
        below = psutil.Process(pid).children(recursive=True)
        return below if any("python3" in one.name() for one in below) else []
    except psutil.NoSuchProcess:
        return []


def test_another_user_is_told() -> None:
    if not Path("/usr/bin/setpriv").exists():
        pytest.skip("no setpriv")
    code = (
        "from pytest_isolation.machines import root; from pytest_isolation.boxes.lifetime import Lifetime\n"
        "import os; from pathlib import Path; os.setresuid(65534, 65534, 65534)\n"
        "root.run_inside(None, 'sid', [], Path('/'), say=print)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"{Unavailable.__name__}: a root is entered by root alone" in done.stderr, done.stderr
