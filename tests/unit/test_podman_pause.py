"""The process that rootless Podman leaves is found by a later run whose environment says of another place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.technologies.clean import rows_of
from pytest_isolation.technologies.podman import pause
from pytest_isolation.technologies.podman.engine import Account, Engine

NAMED = "open('/proc/self/comm', 'w').write('podman pause'); print(flush=True); input()"
"""A process of that name, which ends with its standard input."""
LINE = [sys.executable, "-c", NAMED]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """One that a run with XDG_RUNTIME_DIR="TMP/the run's" would have left."""
    with subprocess.Popen(LINE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None and started.stdin is not None
        started.stdout.readline()
        file = tmp_path / "the run's" / "libpod/tmp/pause.pid"
        file.parent.mkdir(parents=True)
        file.write_text(str(started.pid))
        yield started
        started.stdin.close()


def test_it_is_found_from_elsewhere(
    process: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(tmp_path / "the run's"))
    name = pause.name(Engine().environ())
    assert " " not in name, "the account comes after a blank"
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(tmp_path / "another's"))
    here, there = Engine().pause(), Engine().pause(name)
    assert there is not None and there.pid == process.pid
    assert here is None or here.pid != process.pid


def test_one_that_was_there_before_in_another_place_is_not_the_runs(
    process: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its user's other Podman has it: that of this run will have one of its own, which is the one that ends."""
    theirs = tmp_path / f"podman-run-{os.geteuid()}"
    (tmp_path / "the run's").rename(theirs)
    monkeypatch.setenv("TMPDIR", os.fspath(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(tmp_path / "the run's"))
    engine = Engine()
    name = engine.name_of_pause()
    assert engine.pause(name) is None
    with subprocess.Popen(
        [sys.executable, "-c", NAMED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as own:
        assert own.stdout is not None and own.stdin is not None
        own.stdout.readline()
        file = tmp_path / "the run's" / "libpod/tmp/pause.pid"
        file.parent.mkdir(parents=True)
        file.write_text(str(own.pid))
        found = engine.pause(name)
        assert found is not None and found.pid == own.pid
        file.unlink()
        assert engine.pause(name) is None
        own.stdin.close()


def test_registers_of_before_are_read(
    process: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(tmp_path / "the run's"))
    found = Engine().pause("pause")
    assert found is not None and found.pid == process.pid


def test_the_register_says_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 54321)  # rootless, and without any process of its own
    monkeypatch.setenv("TMPDIR", "/x y/\udcff")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    lifetime = Lifetime()
    try:
        Engine().keep_quiet(lifetime)
        rows = rows_of(lifetime.directory / "register.jsonl")
    finally:
        lifetime.close()
    assert rows == [{"kind": "podman:pause", "handle": "pause?TMPDIR=%2Fx+y%2F%FF"}]


def test_another_accounts_is_where_its_login_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/ours")
    engine = Engine(Account("theirs", 54321, 54321, "/nowhere"))
    assert json.dumps(engine.handle(engine.name_of_pause())) == '"pause? theirs"'
