"""What an engine is to mount is there: what is not, it would make, and leave on the host."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pytest_isolation.errors import Unavailable
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies.pool import Pool
from tests.support import need

ENGINES = pytest.mark.parametrize(("engine", "option"), [("docker", "volumes"), ("podman", "volume")])


@ENGINES
def test_a_directory_that_is_not_there_is_refused_and_not_made(
    own_pool: Pool, tmp_path: Path, engine: str, option: str
) -> None:
    need(engine)
    nowhere = tmp_path / "nowhere"
    with pytest.raises(Unavailable) as caught:
        own_pool.box(parse(f"{engine}:{option}={nowhere}:/x"))
    assert not nowhere.exists()
    assert caught.value.reason == (
        f"{engine}: {option}={nowhere}:/x: the host has no {nowhere}, which {engine} would make and leave there"
    )
    assert caught.value.remedy == f"mkdir {nowhere}, or give a path that is there"


@ENGINES
def test_a_volume_that_is_not_there_is_refused_and_not_made(own_pool: Pool, engine: str, option: str) -> None:
    need(engine)
    with pytest.raises(Unavailable, match=f"{option}=pytest-isolation-none:/x: there is no volume"):
        own_pool.box(parse(f"{engine}:{option}=pytest-isolation-none:/x"))
    there = subprocess.run([engine, "volume", "inspect", "pytest-isolation-none"], capture_output=True)
    assert there.returncode != 0


@ENGINES
def test_a_directory_that_is_there_is_mounted(own_pool: Pool, tmp_path: Path, engine: str, option: str) -> None:
    need(engine)
    (tmp_path / "mark").write_text("here", encoding="utf-8")
    with own_pool.launch(parse(f"{engine}:{option}={tmp_path}:/x:ro")) as box:
        assert box.read_file("/x/mark") == b"here"
