"""`pytest-isolation advise` on real boxes: the keyword that mends what is broken was found by starting such boxes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unavailable
from pytest_isolation.options.config import RunConfig
from pytest_isolation.report.json import render
from pytest_isolation.suite.measure import measure
from pytest_isolation.technologies import technology
from tests.support import REQUIRED

ASKED = "pid.signal-out-refused"


def advised(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    cli.main(["advise", "--format", "json", "--isolation-examples", "10", *words])
    told = capsys.readouterr()
    assert told.out, told.err
    found: dict[str, object] = json.loads(told.out)
    return found


def test_the_hole_that_was_opened(capsys: pytest.CaptureFixture[str]) -> None:
    found = advised(
        capsys, "--box", "namespaces:weaken=share-pid", "--isolation-only", ASKED, "--keep", "capabilities,userns"
    )
    assert found["broken"] == found["mended"] == [ASKED] and found["worse"] == []
    assert found["after"] == "namespaces"


def test_nothing_is_violated(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["advise", "--box", "namespaces", "--isolation-only", ASKED]) == 0
    assert capsys.readouterr().out == "namespaces: nothing that was measured is violated\n"


def test_nothing_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["advise", "--box", "host", "--isolation-only", "pid.init-is-one"]) == 1
    assert "no keyword that was tried mends any" in capsys.readouterr().out


def test_a_box_that_cannot_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["advise", "--box", "docker:host=unix:///nowhere.sock", "--isolation-only", ASKED]) == 2
    assert "docker cannot be started" in capsys.readouterr().err


def test_a_weakened_container_is_told_by_gate_and_diff_and_mended_by_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        technology("docker").check_available(BoxSpec(technology="docker"))
    except Unavailable as error:
        if "docker" in REQUIRED:
            raise
        pytest.skip(str(error))
    weak = BoxSpec(technology="docker", options=(("pid_mode", "host"),))
    options = RunConfig(only=(ASKED,), examples=10)
    for name, spec in (("sound", BoxSpec(technology="docker")), ("weak", weak)):
        (tmp_path / f"{name}.json").write_text(render(measure([spec], options=options)))
    assert cli.main(["diff", str(tmp_path / "sound.json"), str(tmp_path / "weak.json")]) == 1
    said = capsys.readouterr().out
    assert said.startswith("WEAKER: 1 weaker, 0 stronger, 0 new, 0 gone; 0 the same\n")
    assert f"docker: signals processes of the host ({ASKED}): holds -> violated" in " ".join(said.split())
    gate = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--isolation", "--isolation-examples=10"),
            *("--box=docker:pid_mode=host", f"--isolation-only={ASKED}"),
            "--isolation-expect=sound.json",
        ],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
    )
    assert gate.returncode == 1, gate.stdout + gate.stderr
    line = f"VIOLATED {ASKED} in docker: signals processes of the host; new: not in sound.json"
    assert line in gate.stdout.splitlines(), gate.stdout
    kept = "cap_drop,uid,read_only,pids,memory,cgroupns,network,runtime"  # the others would be tried as well
    found = advised(capsys, "--box", "docker:pid_mode=host", "--isolation-only", ASKED, "--keep", kept)
    assert found["broken"] == found["mended"] == [ASKED]
    (step,) = found["steps"]  # type: ignore[misc]
    assert step["keyword"] == "without pid_mode=host"  # type: ignore[has-type]
    assert step["words"]["docker run"] == "without --pid=host"  # type: ignore[has-type]
    assert step["words"]["kubernetes"] == "without hostPID: true"  # type: ignore[has-type]
    tried = {one["keyword"]: one["mends"] for one in found["tried"]}  # type: ignore[attr-defined]
    assert tried == {"security_opt=no-new-privileges": [], "ipc_mode=private": []}
