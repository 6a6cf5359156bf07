"""What goes wrong outside the plugin is one paragraph with the next step; what was measured until then is kept."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.runs import Done, Run, run, run_as_nobody
from tests.support import need

SIGNAL = "pid.signal-out-refused"
SABOTAGE = '''
"""A check whose box is broken from outside while it runs."""
import os
import signal

from hypothesis import given, strategies as st
from pytest_isolation import guarantee, severity, weaken

promise = guarantee(
    "pid.broken-on-purpose", claim="it breaks", sources=("man:kill(2)",),
    severity=severity.host("signals processes of the host"), falsified_by=weaken.share("pid")
)


@promise
@given(number=st.integers(0, 1000))
def test_breaks(box, number):
    if not box.spec.weakenings:
        os.kill(box.parts.init_pid, signal.{signal})
    promise.require(box.proc.getpid().value < 0)
'''


# -- what was written wrongly stops the run before it starts ---------------------------------------------------


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ("dokcer", ("no technology is called 'dokcer'", "did you mean 'docker'?")),
        ("namespaces:memry=64M", ("no key 'memry'", "did you mean 'memory'?")),
        ("docker:memry=64M", ("docker has no keyword 'memry'", "did you mean", "keyword of")),
        ("namespaces:memory=lots", ("memory is 'lots'", "expected a number of bytes")),
        ('namespaces:hostname="a', ('the quote " is never closed', "close it")),
        ("namespaces:weaken=share-everything", ("cannot open the hole 'share-everything'",)),
        ("namespaces:", ("namespaces",)),
    ],
)
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_box_that_is_written_wrongly(tmp_path: Path, box: str, words: tuple[str, ...], workers: str) -> None:
    done = run(tmp_path / "empty", "-n", workers, "--isolation", "--box", box)
    assert done.code == 4
    done.said("ERROR:", *words)
    assert len([line for line in done.out.splitlines() if line.strip()]) == 1, done.out


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_glob_that_fits_nothing(tmp_path: Path, workers: str) -> None:
    done = run(tmp_path / "empty", "-n", workers, "--isolation", "--box", "host", "--isolation-only", "pid.sginal*")
    assert done.code == 4
    done.said("no guarantee has such an id", "pid.signal-out-refused", "--isolation-list")


def test_a_check_that_is_declared_wrongly(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test_mine.py").write_text(
        "from pytest_isolation import guarantee, severity, weaken\n"
        'promise = guarantee("pid.mine", claim="x", sources=(), '
        'severity=severity.host("signals processes of the host"), falsified_by=weaken.share("pid"))\n'
    )
    done = run(folder, "--isolation", "--box", "host", "--isolation-only", SIGNAL, ".")
    assert done.code == 2
    done.said("guarantee pid.mine has no source; give one")


# -- what is not there is said, with what to do ----------------------------------------------------------------


def _absent(done: Done, *words: str) -> None:
    """Nothing was measured, the run says why, and it is no success."""
    assert done.code == 5
    done.said("not available", "nothing was measured", *words)
    assert [box["available"] for box in done.report["boxes"]] == [False]
    assert done.report["boxes"][0]["remedy"]
    assert done.report["results"] == []


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_image_that_is_not_there(tmp_path: Path, workers: str) -> None:
    need("docker")
    done = run(tmp_path / "empty", "-n", workers, "--isolation", "--box", "docker:image=nobody/has-this:1")
    _absent(done, "no image 'nobody/has-this:1'", "docker pull nobody/has-this:1")


def test_a_daemon_that_is_down(tmp_path: Path) -> None:
    done = run(tmp_path / "empty", "--isolation", "--box", "docker", env={"DOCKER_HOST": "unix:///nonexistent"})
    _absent(done, "there is no Docker daemon at unix:///nonexistent", "start it, or set DOCKER_HOST")


def test_a_daemon_that_is_required(tmp_path: Path) -> None:
    done = run(
        tmp_path / "empty",
        *("--isolation", "--box", "host", "--box", "docker", "--isolation-require", "docker"),
        *("--isolation-only", SIGNAL),
        env={"DOCKER_HOST": "unix:///nonexistent"},
    )
    assert done.code == 1
    done.said("--isolation-require: docker is not available")
    assert ("host", SIGNAL) in done.rows


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, words in (("none/r.json", "mkdir -p"), ("file/r.json", "no directory"), (".", "is a directory")):
        done = run(tmp_path / "empty", "--isolation", f"--isolation-report=json:{tmp_path / path}", report=False)
        assert done.code == 4
        done.said(words)


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/full").exists(), reason="needs /dev/full, writable")
def test_a_disk_that_fills_while_the_run_measures(tmp_path: Path) -> None:
    """One report is lost; the run says so and fails, and the others are written."""
    box = ("--isolation", "--box", "host", "--isolation-only", SIGNAL)
    done = run(tmp_path / "empty", *box, "--isolation-report=md:/dev/full")
    assert done.code == 1
    done.said("the md report was not written: /dev/full: No space left on device")
    assert ("host", SIGNAL) in done.rows


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/kvm").exists(), reason="as root, where there is /dev/kvm")
def test_no_guest_is_booted_for_a_report_of_other_boxes(tmp_path: Path) -> None:
    """Where KVM opens and boots nothing it took each run with a report ten seconds; the row says who tries it."""
    done = run(tmp_path / "empty", "--isolation", "--box", "host", "--isolation-only", SIGNAL, support=True)
    (boots,) = [row for row in done.report["support"] if (row["feature"], row["as"]) == ("virt.kvm-boots", "root")]
    assert boots["status"] == "unknown"
    assert "--isolation-host boots a guest" in boots["cause"]


# -- a user who may do nothing ---------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becoming another user needs root")
def test_a_user_without_any_permission() -> None:
    """As nobody: host is measured, what cannot start says why and what to do, and nothing is left."""
    done = run_as_nobody("-q", "-p", "no:cacheprovider", "--isolation", "--isolation-only", SIGNAL)
    assert ("host", SIGNAL) in done.rows, done.out
    done.said()
    boxes = {box["name"]: box for box in done.report["boxes"]}
    assert not boxes["chroot"]["available"]
    assert not boxes["docker"]["available"]
    for box in boxes.values():
        assert box["available"] or (box["reason"] and box["remedy"]), box
    assert done.report["host"]["root"] is False


# -- a box that breaks while it is measured --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["namespaces", "docker"])
@pytest.mark.parametrize("sent", ["SIGKILL", "SIGSTOP"])
def test_a_box_that_breaks_mid_check(tmp_path: Path, name: str, sent: str) -> None:
    """Its cell is inconclusive and red; the next check has a new box and is measured."""
    need(name)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test_mine.py").write_text(SABOTAGE.replace("{signal}", sent))
    started = time.monotonic()
    done = run(folder, "--isolation", "--box", name, "--isolation-only", f"pid.broken-on-purpose,{SIGNAL}", ".")
    assert time.monotonic() - started < 60
    assert done.code == 1
    done.said()
    broken = done.rows[name, "pid.broken-on-purpose"]
    assert (broken["verdict"], broken["outcome"]) == ("inconclusive", "failed")
    assert re.search("the box stopped answering|channel is closed", broken["reason"]), broken["reason"]
    assert done.rows[name, SIGNAL]["verdict"] == "holds"


@pytest.mark.parametrize("name", ["runc", "lxc"])
def test_control_c_reaches_no_program_that_ends_a_box(tmp_path: Path, name: str) -> None:
    """red for runc: a terminal's Control-C ended what was to call `runc delete`, and the box stayed in its register."""
    need(name)
    (tmp_path / "empty").mkdir()
    one = Run(tmp_path / "empty", "-v", "--isolation", "--box", name, "--isolation-jobs", "1")
    assert one.process.stdout is not None
    for line in one.process.stdout:
        if "HOLDS" in line:
            break
    os.killpg(one.process.pid, signal.SIGINT)
    done = one.wait(60)
    assert done.code == 2
    assert "not removed" not in done.out
    assert one.left_behind(done) == []


@pytest.mark.parametrize(
    ("sent", "background"),
    [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGTERM, True)],
    ids=["Control-C", "SIGTERM", "SIGTERM to a background job"],
)
@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_interrupted_run_keeps_what_it_measured(
    tmp_path: Path, workers: str, sent: signal.Signals, background: bool
) -> None:
    """As Control-C does it, to the controller and its workers; as timeout(1) does it, to the controller alone."""
    folder = tmp_path / "empty"
    folder.mkdir()
    boxes = ("--box", "host", "--box", "namespaces")
    one = Run(folder, "-v", "-n", workers, "--isolation", *boxes, background=background)
    assert one.process.stdout is not None
    seen = 0
    for line in one.process.stdout:
        seen += "HOLDS" in line or "VIOLATED" in line
        if seen >= 3:
            break
    if sent is signal.SIGINT:
        os.killpg(one.process.pid, sent)
    else:
        one.process.send_signal(sent)
    done = one.wait(60)
    assert done.code == 2
    done.said("KeyboardInterrupt")
    assert done.report["run"]["exit"] == 2
    assert len(done.report["results"]) >= 3
    assert one.left_behind(done) == []
