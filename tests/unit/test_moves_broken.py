"""What `pytest-isolation moves` has measured is told however the rest ends: a disk that is full, a bug, a signal."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import cli
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.machines import qemus
from pytest_isolation.suite.moves import measure
from pytest_isolation.suite.moves.measure import Measured
from pytest_isolation.suite.moves.plan import HOST, Setup, Source, To
from pytest_isolation.suite.moves.render import as_json
from pytest_isolation.technologies.qemu import disk, emulator, move
from pytest_isolation.technologies.qemu.kernel import Kernel
from pytest_isolation.technologies.qemu.machine import Snapshot
from pytest_isolation.technologies.qemu.marks import Look
from pytest_isolation.technologies.qemu.move import Kept, Moved

PLAIN = Setup(HOST)
BACK = Source(PLAIN, "qcow2", "snapshot", (To(PLAIN, "same process"),))
TWO = Source(PLAIN, "qcow2", "state", (To(PLAIN), To(PLAIN, less="an empty disk")))
LOOK = Look(20, {"realtime": 1000.0, "monotonic": 5.0, "boottime": 5.0}, 50.0, {"boot-id": "b"}, "tsc")
WENT_ON = Moved(LOOK, LOOK, 30, bytes=1, away_s=1.0)
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def lifetime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lifetime]:
    """With a kernel and a QEMU that no test here starts."""
    monkeypatch.setattr(measure, "kernel", lambda: Kernel(tmp_path / "vmlinuz", "6.1"))
    monkeypatch.setattr(measure, "version", lambda one: "7.2")
    made = Lifetime()
    yield made
    made.close()


def told(lifetime: Lifetime, *sources: Source) -> list[dict[str, Any]]:
    found = Measured()
    one = emulator.Emulator(("qemu",))
    measure.measure({HOST: one}, lifetime, tell=lambda said: None, into=found, sources=sources)
    rows: list[dict[str, Any]] = as_json(found)["moves"]
    return rows


def broken(what: Exception) -> Callable[..., Any]:
    def called(*arguments: object, **named: object) -> Any:
        raise what

    return called


def test_where_no_directory_can_be_made_each_move_is_refused(
    lifetime: Lifetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lifetime, "new_directory", broken(BoxError("could not make a directory: No space left")))
    rows = told(lifetime, TWO, BACK)
    assert [row["refused"] for row in rows] == ["could not make a directory: No space left"] * 3
    assert all("bytes" not in row for row in rows)


@pytest.mark.parametrize("full", ["first", "0"])
def test_a_directory_that_cannot_be_made_ends_what_would_have_been_in_it(
    full: str, lifetime: Lifetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def making(path: Path, *how: Any, **named: Any) -> None:
        if path.name == full:
            raise FULL
        mkdir(path, *how, **named)

    kept = Kept(measure.Machine(kernel=measure.kernel()), "state", None, Snapshot(None, 3), LOOK, 5 << 20, 1.0, 0.0)
    monkeypatch.setattr(Path, "mkdir", making)
    monkeypatch.setattr(disk, "create", lambda *given: None)
    monkeypatch.setattr(move, "keep", lambda *given: kept)
    monkeypatch.setattr(measure, "_gone_on", lambda *given: WENT_ON)
    first, second = told(lifetime, TWO)
    assert first["refused"] == str(FULL)
    assert second.get("refused") == (str(FULL) if full == "first" else None)
    assert first.get("bytes") == (None if full == "first" else 5 << 20), "what was kept takes room all the same"


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One of the test's own: the command cleans up what dead runs left."""
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path))


@pytest.mark.usefixtures("register")
@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(FULL, 2, "No space left on device"), (KeyboardInterrupt(), 130, "interrupted: 1 move is told of")],
)
def test_what_was_measured_is_written_however_it_ends(
    error: BaseException, status: int, said: str,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def measured(*given: object, into: Measured, **named: object) -> None:
        into.moves.append((BACK, BACK.to[0], WENT_ON))
        raise error

    monkeypatch.setattr(measure, "measure", measured)
    monkeypatch.setattr(emulator, "of_this_host", lambda: emulator.Emulator(("qemu",)))
    output = tmp_path / "found.json"
    assert cli.main(["moves", "--format", "json", "-o", os.fspath(output)]) == status
    document = json.loads(output.read_text(encoding="utf-8"))
    assert (document["interrupted"], len(document["moves"])) == (True, 1)
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("register")
def test_nothing_is_written_where_nothing_can_be_moved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(emulator, "of_this_host", broken(Unavailable("no QEMU", "apt install it")))
    output = tmp_path / "found.json"
    assert cli.main(["moves", "-o", os.fspath(output)]) == 2
    assert capsys.readouterr().err == "pytest-isolation moves: no QEMU; apt install it\n"
    assert not output.exists()


def test_who_is_not_root_is_told_of_the_cache_that_root_must_fill(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = tmp_path / "my cache"
    monkeypatch.setenv("XDG_CACHE_HOME", os.fspath(cache))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable) as told:
        qemus.fetched("sid", None, print)  # type: ignore[arg-type]  # refused before anything is made
    assert told.value.remedy == f"run it once as root with XDG_CACHE_HOME='{cache}'"
    monkeypatch.setenv("XDG_CACHE_HOME", told.value.remedy.partition("=")[2].strip("'"))
    assert qemus.Release("sid").place.parent == cache / "pytest-isolation"
