"""Which profiles a machine loads: those of programs that are there."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pytest_isolation.machines import apparmor

THERE = ("lxc-containers", "usr.bin.sh", "cat", "unprivileged_userns")
NOT_THERE = ("1password", "usr.bin.lxc-no-such", "signal-desktop")


def loaded(place: Path) -> list[str]:
    script = apparmor.LOAD.replace(apparmor.PROFILES, str(place)).replace(apparmor.PARSER, "echo")
    done = subprocess.run(["/bin/sh", "-c", script, "sh"], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_profiles_of_programs_that_are_there_are_loaded(tmp_path: Path) -> None:
    for name in (*THERE, *NOT_THERE):
        (tmp_path / name).write_text("")
    (tmp_path / "abstractions").mkdir()
    assert loaded(tmp_path) == ["--replace", "--skip-cache", *sorted(THERE)]
    (tmp_path / "disable").mkdir()
    (tmp_path / "disable" / "cat").symlink_to("../cat")
    assert "cat" not in loaded(tmp_path), "what its owner has disabled is not loaded"


def test_where_there_is_none_the_parser_is_not_started(tmp_path: Path) -> None:
    """Without a file it would read its input."""
    (tmp_path / NOT_THERE[0]).write_text("")
    assert loaded(tmp_path) == []
