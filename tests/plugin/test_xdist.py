"""With workers: the same rows as without, each box started once, and a worker that dies is seen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.runs import Done, run
from tests.support import need

VARY = {"seconds", "evidence", "examples", "decided", "coverage"}
"""What depends on the machine's pace and the run's tokens: times, and the numbers that fill a program."""


TIMED = ("cg.cpu.",)
"""Measured over time against a neighbour's time: with two workers on two processors another experiment."""


def _comparable(done: Done) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if key not in VARY}
        for row in done.report["results"]
        if not row["guarantee"].startswith(TIMED)
    ]


def _facts(done: Done) -> dict[str, Any]:
    """All of a report that may not differ."""
    boxes = [
        {key: value for key, value in box.items() if key != "costs"} | {"started": box["costs"]["start_ms"]["n"] > 0}
        for box in done.report["boxes"]
    ]
    return {"results": _comparable(done), "boxes": boxes, "guarantees": done.report["guarantees"]}


OFTEN = "cap.*,cg.*,daemon.*,env.*,exec.*,fd.*,ipc.*,key.*,mnt.*,nnp.*,pid.*,proc.*,sec.*,time.*,user.*,uts.*,vol.*"
"""What is decided in one box: a serial run of all 434 guarantees takes seven minutes."""


@pytest.mark.parametrize("name", ["some", pytest.param("docker", marks=pytest.mark.long(seconds=240))])
def test_the_same_rows_as_a_serial_run(tmp_path: Path, name: str) -> None:
    """A few guarantees on two boxes, and most on Docker."""
    if name == "docker":
        need("docker")
        asked = ["--box", "docker", "--isolation-only", OFTEN]
    else:
        asked = ["--box", "host", "--box", "namespaces", "--isolation-only", "pid.signal*,pid.init-is-one,mnt.*"]
    alone = ("--isolation-jobs", "1")
    serial = run(tmp_path / "serial", "--isolation", *asked, *alone, "--hypothesis-seed=7", timeout=400)
    workers = run(tmp_path / "workers", "-n", "2", "--isolation", *asked, "--hypothesis-seed=7", timeout=400)
    assert serial.code == workers.code
    assert _facts(serial) == _facts(workers)
    if name == "some":  # a violation is shrunk for a time, not for a number: fresh boxes for it differ from run to run
        starts = {box["name"]: box["costs"]["start_ms"]["n"] for box in serial.report["boxes"]}
        assert starts == {box["name"]: box["costs"]["start_ms"]["n"] for box in workers.report["boxes"]}
    workers.said("guarantees x")


CRASH = """
import os
from pytest_isolation import guarantee, severity, weaken

promise = guarantee("pid.{name}", claim="x", sources=("man:kill(2)",),
    severity=severity.host("signals processes of the host"), falsified_by=weaken.share("pid"))

@promise
def test_{name}(box):
    if os.environ.get("PYTEST_XDIST_WORKER") and "{name}" == "dies" and not box.spec.weakenings:
        os._exit(7)
    promise.require(box.proc.getpid().value == 1)
"""


def test_a_worker_that_dies(tmp_path: Path) -> None:
    """Its cell is inconclusive and red, the others are measured, and nothing of it is left."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("dies", "lives"):
        (folder / f"test_{name}.py").write_text(CRASH.replace("{name}", name))
    only = ("--isolation-only", "pid.dies,pid.lives")
    done = run(folder, "-n", "2", "--isolation", "--box", "namespaces", *only, ".", "--maxfail=5")
    assert done.code == 1
    done.said("a worker crashed while it ran")
    dead = done.rows["namespaces", "pid.dies"]
    assert (dead["verdict"], dead["outcome"]) == ("inconclusive", "failed")
    assert "ended before it was done" in dead["reason"]
    assert done.rows["namespaces", "pid.lives"]["verdict"] == "holds"


def test_a_box_is_measured_by_one_worker(tmp_path: Path) -> None:
    """However the checks are spread, no box is started by two."""
    only = "pid.signal*,net.admin-denied,net.raw-socket,net.abstract-unix-isolated"
    asked = ("--isolation", "--box", "host", "--box", "namespaces", "--isolation-only", only, "--isolation-examples=5")
    for dist in ("load", "loadscope", "worksteal"):
        done = run(tmp_path / dist, "-v", "-n", "2", f"--dist={dist}", *asked)
        assert done.code == 0, done.out
        served = {(line.split("]")[0], line.rsplit("[", 1)[-1]) for line in done.out.splitlines() if "] [" in line}
        by_box = Counter(
            box
            for box in ("host", "namespaces")
            for worker in ("[gw0", "[gw1")
            if any(who == worker and where.startswith(f"{box}]") for who, where in served)
        )
        assert by_box == {"host": 1, "namespaces": 1}, done.out
