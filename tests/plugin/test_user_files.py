"""Files of the user's beside ours, other plugins, and places that are too small: one sentence, no traceback."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pytest_isolation.suite.collect import checks_directory
from tests.runs import run

SIGNAL = "pid.signal-out-refused"
ONE = ("--isolation", "--box", "host", "--isolation-only")
HEAD = """
import time

import pytest
from hypothesis import given, strategies as st
from pytest_isolation import guarantee, severity, weaken

promise = guarantee("{id}", claim="x", sources=("man:kill(2)",),
    severity=severity.host("signals processes of the host"), falsified_by=weaken.share("pid"))
"""
RAISES = """
@promise
@given(number=st.integers())
def test_raises(box, number):
    raise KeyError("bench")


@pytest.mark.forked
def test_of_somebody_else():
    pass
"""
SLEEPS = """
@promise
def test_sleeps(box):
    if not box.spec.weakenings:
        time.sleep(60)
    promise.require(not box.spec.weakenings)
"""


def _folder(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test_mine.py").write_text(text)
    return folder


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_id_that_exists(tmp_path: Path, workers: str) -> None:
    folder = _folder(tmp_path, HEAD.format(id=SIGNAL) + RAISES)
    done = run(folder, "-n", workers, *ONE, SIGNAL, ".")
    assert done.code == 4
    done.said(f"test_mine.py promises {SIGNAL}, which a built-in check does", "give yours another id")


def test_two_declarations_with_one_id(tmp_path: Path) -> None:
    again = (
        'other = guarantee("pid.mine", claim="y", sources=("x",), severity=severity.use("runs on"), '
        'falsified_by=weaken.share("net"))\n'
    )
    use = "@other\ndef test_other(box):\n    other.require(True)\n"
    done = run(_folder(tmp_path, HEAD.format(id="pid.mine") + RAISES + again + use), *ONE, "pid.mine", ".")
    assert done.code == 4
    done.said("two guarantees of", "have the id pid.mine; give one another id")


def test_the_checks_of_a_checkout(tmp_path: Path) -> None:
    """`pytest --isolation checks`, where the package that runs has the same ones: each is measured once."""
    folder = tmp_path / "mine"
    shutil.copytree(checks_directory() / "pid", folder / "checks" / "pid")
    done = run(folder, *ONE, SIGNAL, "checks")
    assert done.code == 0, done.out
    done.said()
    assert done.rows["host", SIGNAL]["tests"] == {}


def test_what_a_check_raises_has_its_place(tmp_path: Path) -> None:
    done = run(_folder(tmp_path, HEAD.format(id="pid.mine") + RAISES), *ONE, "pid.mine", ".")
    assert done.code == 1
    line = HEAD.count("\n") + 5
    said = f"""KeyError: 'bench' (test_mine.py:{line}: raise KeyError("bench"))"""
    assert done.rows["host", "pid.mine"]["reason"] == said
    done.said(said)


def test_a_check_that_runs_out_of_time(tmp_path: Path) -> None:
    """pytest-timeout ends it: its row is inconclusive, and the next check is measured."""
    pytest.importorskip("pytest_timeout")
    folder = _folder(tmp_path, HEAD.format(id="pid.mine") + SLEEPS)
    done = run(folder, *ONE, f"pid.mine,{SIGNAL}", "--timeout", "5", "--timeout-method", "signal", ".")
    assert done.code == 1
    done.said()
    row = done.rows["host", "pid.mine"]
    assert (row["verdict"], row["outcome"]) == ("inconclusive", "failed")
    assert "Timeout" in row["reason"]
    assert done.rows["host", SIGNAL]["verdict"] == "violated"


def test_checks_in_forked_processes(tmp_path: Path) -> None:
    pytest.importorskip("pytest_forked")
    done = run(tmp_path / "empty", "--forked", *ONE, SIGNAL)
    assert done.code == 4
    done.said("--forked (pytest-forked) runs each check in a process of its own", "leave it out")
    marked = HEAD.format(id="pid.mine") + "@pytest.mark.forked" + RAISES
    done = run(_folder(tmp_path, marked), *ONE, "pid.mine", ".")
    assert done.code == 4
    done.said("test_mine.py: the mark `forked` of pid.mine")


@pytest.mark.parametrize(
    "options", [("--isolation-only", SIGNAL), ("--isolation-examples", "3"), ("--isolation-prove",)], ids=lambda o: o[0]
)
def test_an_option_that_measures_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = run(tmp_path / "empty", *options, report=False)
    assert done.code == 4
    done.said(f"{options[0]} is given without --isolation", "add --isolation")


def test_a_box_that_nobody_asks_for(tmp_path: Path) -> None:
    done = run(_folder(tmp_path, "def test_one(): pass\n"), "--box", "host", report=False)
    assert done.code == 4
    done.said("--box is given without --isolation, and no test here asks for a box", "add --isolation")


def test_a_fixture_that_is_asked_for_wrongly(tmp_path: Path) -> None:
    """The line of the test and one sentence, not our dataclasses."""
    text = 'def test_one(isolation_boxes):\n    isolation_boxes("namespaces", memroy=1)\n'
    done = run(_folder(tmp_path, text), report=False)
    assert done.code == 1
    done.said("namespaces has no key 'memroy'; did you mean 'memory'?", "test_mine.py:2: UsageError")
    assert len(done.out.splitlines()) < 25, done.out


# -- places ----------------------------------------------------------------------------------------------------

need_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def _in_a_namespace(tmp_path: Path, mounts: str, *arguments: str) -> tuple[int, str]:
    import subprocess
    import sys

    (tmp_path / "small").mkdir()
    (tmp_path / "empty").mkdir()
    command = f'{mounts} && exec "$@"'.replace("SMALL", str(tmp_path / "small"))
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command, "sh", sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path / "empty",
        env={key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
        | {"TMPDIR": str(tmp_path / "small")},
        capture_output=True,
        text=True,
        timeout=180,
    )
    out = done.stdout + done.stderr
    assert "Traceback" not in out, out
    assert "INTERNALERROR" not in out, out
    return done.returncode, " ".join(out.split())


@need_root
def test_a_temporary_directory_without_room(tmp_path: Path) -> None:
    code, out = _in_a_namespace(tmp_path, "mount -t tmpfs -o size=1m none SMALL", *ONE, SIGNAL)
    assert code == 4
    assert "has no room: 1024 KiB are free, expected 4 MiB. Set TMPDIR" in out or "KiB are free, expected" in out


@need_root
def test_a_temporary_directory_without_programs(tmp_path: Path) -> None:
    """The boxes that begin there are not available, once and with the remedy."""
    boxes = ("--isolation", "--box", "namespaces", "--box", "chroot", "--isolation-only", SIGNAL)
    code, out = _in_a_namespace(tmp_path, "mount -t tmpfs -o noexec none SMALL", *boxes)
    assert code == 5, out
    assert "is mounted noexec" in out
    assert "set TMPDIR to a directory whose programs may be executed" in out


@need_root
def test_no_tree_of_control_groups(tmp_path: Path) -> None:
    """The list has every box, with what is missing."""
    code, out = _in_a_namespace(tmp_path, "mount -t tmpfs none /sys/fs/cgroup", "--isolation-list")
    assert code == 0, out
    assert "cgroup unavailable no control group file system is mounted" in out
