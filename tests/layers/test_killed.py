"""A comparison that is killed leaves nothing that the next clean-up does not take away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_isolation.suite.layers.engines import engines
from pytest_isolation.technologies.clean import clean
from tests.layers.support import ready


@pytest.mark.long("layers")
@pytest.mark.parametrize("name", sorted(engines()))
def test_a_killed_comparison_is_cleaned_up(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ready(name):
        pass
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    words = [sys.executable, "-m", "pytest_isolation.cli", "layers", "--engine", name, "--count", "3"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    process.stderr.readline()  # it has an engine, and images are made from now on
    while process.poll() is None and not any(one.stat().st_size for one in tmp_path.rglob("register.jsonl")):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    cleaned = clean()
    assert cleaned
    deadline = time.monotonic() + 10
    # A child of a program that ended with us may still be ending, and write.
    while any(one.outcome.startswith("kept") for one in cleaned) and time.monotonic() < deadline:
        time.sleep(0.2)
        cleaned = clean()
    assert not [one for one in cleaned if one.outcome.startswith("kept")]
    (ours,) = tmp_path.iterdir()
    assert [path.name for path in ours.iterdir()] == ["lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_is_ended_says_so_and_leaves_nothing(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is written, with what is known until then."""
    with ready("umoci"):
        pass
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = tmp_path / "found.json"
    words = [sys.executable, "-m", "pytest_isolation.cli", "layers", "--engine", "umoci", "--count", "500"]
    process = subprocess.Popen(
        [*words, "--format", "json", "-o", str(found)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    process.stderr.readline()  # it has an engine, and images are made from now on
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "pytest-isolation layers: interrupted: no engine of umoci is told of\n")
    document = json.loads(found.read_text(encoding="utf-8"))
    assert (document["interrupted"], document["engines"], document["cases"]) == (True, {}, [])
    ours = [path for path in tmp_path.iterdir() if path != found]
    assert [path.name for directory in ours for path in directory.iterdir()] in ([], ["lock"])
