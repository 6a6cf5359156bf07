"""A user's PATH has no /usr/sbin, and Debian's mke2fs, debugfs and runc are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.machines import built
from pytest_isolation.support.technologies import judge
from pytest_isolation.technologies import program

TOOL = "a-tool-of-an-administrator"


def executable(place: Path, name: str, text: str = "#!/bin/sh\n") -> str:
    place.mkdir(exist_ok=True)
    path = place / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return os.fspath(path)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A directory of a user's PATH, and one of an administrator's."""
    users, administrators = tmp_path / "bin", tmp_path / "sbin"
    monkeypatch.setenv("PATH", f"{users}:/usr/bin:/bin")
    monkeypatch.setattr(program, "SBIN", os.fspath(administrators))
    monkeypatch.setattr(built, "SBIN", os.fspath(administrators))
    return users, administrators


def test_a_program_is_found_that_only_an_administrators_path_has(places: tuple[Path, Path]) -> None:
    users, administrators = places
    with pytest.raises(Unavailable, match=f"{TOOL} is not installed"):
        program.find(TOOL, "its-package")
    there = executable(administrators, TOOL)
    assert program.find(TOOL, "its-package") == there
    own = executable(users, TOOL)
    assert program.find(TOOL, "its-package") == own, "PATH goes first"


def test_what_builds_finds_it_too(places: tuple[Path, Path], tmp_path: Path) -> None:
    executable(places[1], TOOL)
    built.run([TOOL], tmp_path)
    built.run(["sh", "-c", TOOL], tmp_path)
    with pytest.raises(BoxError, match="status 127"):
        built.run(["sh", "-c", f"{TOOL}-of-nobody"], tmp_path)


def test_the_host_is_told_what_would_be_started(places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """red: programs were sought in directories of the account's own, and never in PATH."""

    def podmans() -> list[str]:
        (podman,) = [one for one in judge({}, "root", programs=True) if one.technology == "podman"]
        return [one for one in podman.missing if one.startswith("program podman")]

    places[0].mkdir()
    monkeypatch.setenv("PATH", os.fspath(places[0]))
    assert podmans()
    executable(places[0], "podman")
    assert not podmans()
