"""A run that is killed at any point leaves the rows it had measured, and the report of the run before."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from pytest_isolation.report.run import Run as Report
from tests.runs import Done, Run, run

COLUMN = ("--isolation", "--box", "host")
BOX = (*COLUMN, "--isolation-only", "pid.*")


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGHUP], ids=["SIGKILL", "SIGHUP"])
def test_a_killed_run_keeps_its_rows(tmp_path: Path, sent: signal.Signals, workers: str) -> None:
    """red with workers: the report lacked the guarantees of its rows, could not be read, and none was missing."""
    folder = tmp_path / "empty"
    folder.mkdir()
    one = Run(folder, "-v", "-n", workers, *COLUMN)  # long: a dozen rows may have ended before the signal
    one.report.write_text("the older report")
    assert one.process.stdout is not None
    seen = 0
    for line in one.process.stdout:
        seen += "VIOLATED" in line
        if seen == 3:
            break
    one.process.send_signal(sent)
    one.process.communicate(timeout=60)
    partial = Path(f"{one.report}.partial")
    if sent is signal.SIGKILL:
        assert one.report.read_text() == "the older report"
        found = Report.from_json(json.loads(partial.read_text()))
        assert found.notes
    else:
        assert not partial.exists()
        found = Report.from_json(json.loads(one.report.read_text()))
    assert len(found.results) >= 3
    assert {row.guarantee for row in found.results} <= {one.id for one in found.guarantees}
    assert found.run.exit == 2
    if sent is not signal.SIGKILL:  # who is killed has not reckoned it up
        assert found.run.missing
    one.report.unlink()
    done = run(folder, *BOX, "--isolation-report", f"md:{folder / 'r.md'}")  # removes what the killed one left
    assert done.code == 0
    assert not partial.exists()
    assert sorted(os.listdir(folder)) == ["r.md"]


@pytest.mark.long(seconds=40)
def test_a_killed_run_of_machines_side_by_side_keeps_its_rows(tmp_path: Path) -> None:
    """red: nothing was kept, however many machines had measured however long."""
    folder = tmp_path / "empty"
    folder.mkdir()
    machines = ("--dist", "each", "--tx", "popen//id=one", "--tx", "popen//id=two")
    one = Run(folder, "-v", *machines, *COLUMN)
    assert one.process.stdout is not None
    seen = dict.fromkeys(("[one]", "[two]"), 0)
    for line in one.process.stdout:
        if "VIOLATED" in line:
            seen[line.partition(" ")[0]] += 1
        if min(seen.values()) >= 2:  # the latest may not be written yet
            break
    one.process.send_signal(signal.SIGKILL)
    one.process.communicate(timeout=60)
    found = Report.from_json(json.loads(Path(f"{one.report}.partial").read_text()))
    by = {box: [row for row in found.results if row.box == box] for box in ("one/host", "two/host")}
    assert all(by.values()) and sum(map(len, by.values())) == len(found.results)
    assert {row.guarantee for row in found.results} <= {one.id for one in found.guarantees}
    assert {box.name for box in found.boxes} == by.keys() and {host.name for host in found.hosts} == {"one", "two"}
    # Removes what the killed one left.
    assert run(folder, "--isolation", "--box", "host", "--isolation-only", "pid.signal-out-refused").code == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Control-C", "SIGTERM"])
def test_who_does_not_wait_for_the_kernel_has_the_report(tmp_path: Path, sent: signal.Signals) -> None:
    """red: after the last row, while it was looked what the kernel can do, all was lost over a traceback."""
    folder = tmp_path / "empty"
    folder.mkdir()
    one = Run(folder, "--isolation", "--box", "host", "--isolation-only", "pid.signal-out-refused", support=True)
    one.report.write_text("the older report")
    assert one.process.stdout is not None
    before = []
    for line in one.process.stdout:
        before.append(line)
        if "looking at what this kernel can do" in line:
            break
    one.process.send_signal(sent)
    done = one.wait()
    done = Done(done.code, "".join(before) + done.out, done.report)
    assert [row["verdict"] for row in done.report["results"]] == ["violated"]
    done.said("interrupted while it was looked what this kernel can do", "1 guarantee x 1 box")
    assert not Path(f"{one.report}.partial").exists()
    assert one.left_behind(done) == []


@pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/full").exists(), reason="needs /dev/full, writable")
def test_an_audit_whose_report_cannot_be_written(tmp_path: Path) -> None:
    """One line, and the other report is there."""
    (tmp_path / "submission").mkdir()
    audit = (f"--inception={tmp_path / 'submission'}", "--isolation-report=md:/dev/full")
    done = run(tmp_path / "empty", *audit)
    done.said("the md report was not written: /dev/full: No space left on device")
    assert done.report["inception"]


LOSES = '''
"""A check during which Control-C comes, and is lost: what is undone on its way out fails."""
import os
import signal

from pytest_isolation import guarantee, severity, weaken

promise = guarantee(
    "pid.interrupted-on-purpose", claim="it is interrupted", sources=("man:kill(2)",),
    severity=severity.host("signals processes of the host"), falsified_by=weaken.share("pid")
)


@promise
def test_is_interrupted(box):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(10))
    except KeyboardInterrupt:
        raise OSError("what is undone fails") from None
'''


def test_control_c_counts_though_a_check_loses_it(tmp_path: Path) -> None:
    """red: the row was inconclusive, for whatever failed on the way out, and the run went on to its end."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test_mine.py").write_text(LOSES)
    (folder / "test_next.py").write_text("def test_next(): pass\n")
    done = run(folder, "-v", "--isolation", "--box", "host", "--isolation-only", "pid.interrupted-on-purpose", ".")
    assert done.code == 2
    done.said("KeyboardInterrupt")
    assert done.report["results"] == []
    assert "test_next" not in done.out


def test_control_c_that_a_test_of_the_users_sends_itself_is_his(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test_mine.py").write_text(
        "import os, signal, pytest\n"
        "def test_heeds_it():\n"
        "    with pytest.raises(KeyboardInterrupt):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        sum(range(10))\n"
    )
    only = ("--isolation-only", "pid.signal-out-refused")
    done = run(folder, "-v", "--isolation", "--box", "host", *only, "test_mine.py")
    assert done.code == 0
    assert [row["verdict"] for row in done.report["results"]] == ["violated"]
