"""Paths of another machine, with an agent of this one in the place of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path, PosixPath, PurePosixPath

import pytest

from pytest_isolation.boxes.ground import HERE, Elsewhere, RemotePath
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import start_local


@pytest.fixture(scope="module")
def ground() -> Iterator[Elsewhere]:
    with start_local() as local:
        yield Elsewhere(local.proc)


def test_files_and_directories_are_what_a_path_says(ground: Elsewhere, tmp_path: Path) -> None:
    there = ground.path(tmp_path, "a")
    there.mkdir(0o700)
    assert (tmp_path / "a").is_dir() and there.is_dir() and not (there / "b").is_dir()
    (there / "b").write_text("one\n")
    (there / "b").chmod(0o640)
    assert (tmp_path / "a" / "b").read_text() == (there / "b").read_text() == "one\n"
    ours, theirs = (tmp_path / "a" / "b").stat(), (there / "b").stat()
    for field in ("st_mode", "st_ino", "st_dev", "st_nlink", "st_uid", "st_gid", "st_size"):
        assert getattr(theirs, field) == getattr(ours, field), field
    assert int(theirs.st_mtime) == int(ours.st_mtime)
    (there / "c").mkdir()
    assert {path.name for path in there.iterdir()} == {"b", "c"}
    assert there.tree() == [there, there / "c"]  # type: ignore[attr-defined]
    (there / "c").rmdir()
    (there / "b").unlink()
    (there / "b").unlink(missing_ok=True)
    assert list((tmp_path / "a").iterdir()) == []


def test_a_large_file_arrives_whole(ground: Elsewhere, tmp_path: Path) -> None:
    data = os.urandom(700_000)
    assert ground.path(tmp_path, "large").write_bytes(data) == len(data)
    assert (tmp_path / "large").read_bytes() == data == ground.path(tmp_path, "large").read_bytes()


def test_a_refusal_is_the_error_of_its_kind(ground: Elsewhere, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ground.path(tmp_path, "none").read_bytes()
    with pytest.raises(IsADirectoryError):
        ground.path(tmp_path).write_bytes(b"")
    with pytest.raises(FileExistsError):
        ground.path(tmp_path).mkdir()
    ground.path(tmp_path).mkdir(exist_ok=True)


def test_links_are_read_by_the_agent(ground: Elsewhere) -> None:
    assert str(ground.path("/proc/self/ns/pid").readlink()) == os.readlink("/proc/self/ns/pid")
    assert ground.path("/proc/self/comm").read_text() != Path("/proc/self/comm").read_text()


def test_what_a_path_could_do_to_this_machine_is_done_there_or_refused(ground: Elsewhere, tmp_path: Path) -> None:
    acting = {name for name in set(dir(PosixPath)) - set(dir(PurePosixPath)) if not name.startswith("_")}
    assert {"touch", "rename", "symlink_to", "open", "read_bytes"} <= acting
    assert {name for name in acting if getattr(RemotePath, name) is getattr(PosixPath, name)} == set()
    with pytest.raises(NotImplementedError, match="touch"):
        ground.path(tmp_path, "x").touch()


def test_a_directory_there_is_written_down_for_who_can_come_back(tmp_path: Path) -> None:
    """By the register alone a clean-up finds it; one that dies with its run is in none."""
    run = Lifetime()
    try:
        with start_local() as local:
            there = Elsewhere(local.proc, reached_by=("docker:directory", "tcp://192.0.2.1:2376"))
            there.register_directory(run, there.path("/etc/pytest-isolation-mark-0"))
            Elsewhere(local.proc).register_directory(run, there.path("/etc/pytest-isolation-mark-1"))
        HERE.register_directory(run, tmp_path)
        rows = [json.loads(line) for line in (run.directory / "register.jsonl").read_text().split("\n") if line]
        assert [(row["kind"], row["handle"]) for row in rows] == [
            ("docker:directory", "/etc/pytest-isolation-mark-0 tcp://192.0.2.1:2376"),
            ("directory", str(tmp_path)),
        ]
    finally:
        run.close()
