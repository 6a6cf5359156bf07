"""A row that took fewer examples than its kind does says so, and so does the run."""

from __future__ import annotations

from pathlib import Path

from tests.runs import run

ASKED = ("--box", "chroot", "--isolation-only", "mnt.tmp-private,daemon.socket-unreachable")


def test_few_examples_are_told(tmp_path: Path) -> None:
    done = run(tmp_path / "work", "--isolation", *ASKED, "--isolation-examples", "3")
    told = {row["guarantee"]: row["remark"] for row in done.report["results"]}
    assert told["mnt.tmp-private"] == "fewer examples than its kind takes: 3, not 100"
    assert told["daemon.socket-unreachable"] is None, "every input was tried"
    assert "1 row that holds took fewer examples" in " ".join(done.out.split())


def test_as_many_as_usual_are_not(tmp_path: Path) -> None:
    done = run(tmp_path / "work", "--isolation", *ASKED)
    assert {row["remark"] for row in done.report["results"]} == {None}
    assert "fewer examples" not in done.out
