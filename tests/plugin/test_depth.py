"""--isolation-depth in a whole run: what one hole breaks and what takes two, in boxes of bare namespaces."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema

from tests.runs import run


def test_a_whole_run(tmp_path: Path) -> None:
    done = run(
        tmp_path, "--isolation", "--box", "chroot", "--isolation-only", "port.layer-semantics.*", "--isolation-depth"
    )
    schema = json.loads((files("pytest_isolation.report") / "schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(done.report)
    (box,) = done.report["depth"]
    rows = {row["guarantee"]: row for row in box["guarantees"]}
    assert rows["port.layer-semantics.links"]["breakers"] == [["lossy-links"]]
    assert set(box["opened"]) >= {"lossy-links", "lossy-modes"} and not box["cut_short"]
    held = {row["guarantee"] for row in done.report["results"] if row["verdict"] == "holds"}
    assert set(rows) == held
    done.said("on how many layers it rests", "without carried-links 1 falls: port.layer-semantics.links")


def test_a_search_that_is_ended_keeps_what_it_found(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--isolation", "--box", "namespaces"]
    argv += ["--isolation-only", "pid.ppid-zero", "--isolation-depth", "--isolation-report", "json:told.json"]
    with subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if line.startswith("depth of namespaces: box 1,"):
                run.send_signal(signal.SIGTERM)
                break
        said = run.stdout.read()
    assert run.returncode == 0, said  # every row was measured
    report = json.loads((tmp_path / "told.json").read_text())
    assert report["depth"][0]["cut_short"], said
    assert "interrupted while layers were counted: more holes may break a guarantee" in report["notes"]
