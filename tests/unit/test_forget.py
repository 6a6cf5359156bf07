"""What was left with a daemon that is gone is told once for each daemon, and forgotten when one says so."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import state_directory
from pytest_isolation.options.config import RunConfig
from pytest_isolation.suite.answers import answer

GONE = "unix:///nowhere/docker.sock"
LIVING = "tcp://127.0.0.1:1"
RUN = "0123456789ab-77"


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The register of a run that is dead: another boot of this machine."""
    from pytest_isolation.boxes.lifetime import machine

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    directory = state_directory() / RUN
    directory.mkdir(mode=0o700)
    (directory / "lock").touch()
    (directory / "owner.json").write_text(json.dumps({"boot": "another", "machine": machine(), "pid": 1, "started": 1}))
    rows = [("docker:container", f"one {GONE}"), ("docker:container", f"two {GONE}"), ("docker:image", f"three {GONE}")]
    rows += [("docker:image", f"four {LIVING}")]
    text = "".join(json.dumps({"kind": kind, "handle": handle}) + "\n" for kind, handle in rows)
    (directory / "register.jsonl").write_text(text)
    return directory


def test_it_is_told_once_for_each_daemon(left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(RunConfig(clean=True)) == 1
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == "0 removed, 4 kept"
    assert "2 docker:container, 1 docker:image" in said
    assert f"pytest --isolation-clean --isolation-forget {GONE}" in said
    assert len(said.splitlines()) == 5
    assert left.exists()


def test_what_one_says_to_forget_is_forgotten_and_nothing_else(left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(RunConfig(clean=True, forget=(GONE,))) == 1
    said = capsys.readouterr().out
    assert said.count("forgotten") == 3
    assert f"--isolation-forget {LIVING}" in said
    assert answer(RunConfig(clean=True, forget=(GONE, LIVING))) == 0
    assert not left.exists()


def test_an_empty_address_forgets_nothing(left: Path) -> None:
    assert answer(RunConfig(clean=True, forget=("",))) == 1


def test_an_address_with_which_nothing_was_left_is_a_mistake(left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(RunConfig(clean=True, forget=(GONE, LIVING, "tcp://typo:1"))) == 1
    said = capsys.readouterr().out
    assert "'tcp://typo:1': no dead run left anything with a daemon there; nothing of any daemon was left" in said
    assert said.splitlines()[-1].endswith("0 kept")
