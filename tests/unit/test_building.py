"""One way to make what a box is given, and what two engines tell of a container in the same words."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import cast

import pytest

from pytest_isolation import BoxHandle
from pytest_isolation.agent.client import Agent
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec, Volume
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import inspected
from pytest_isolation.technologies.building import Building

SOURCES = Path(__file__).parents[2] / "pytest_isolation" / "technologies"
SPEC = BoxSpec(technology="docker", volumes=(Volume(target="/data"), Volume(target="/kept", read_only=True)))


@pytest.fixture
def lifetime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lifetime]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = Lifetime()
    yield made
    made.close()


@pytest.mark.parametrize(("keeps", "modes"), [(True, ["rw", "ro"]), (False, ["rw", "rw"])])
def test_volumes_are_made_as_asked_and_go_with_the_box(lifetime: Lifetime, keeps: bool, modes: list[str]) -> None:
    with ExitStack() as undo:
        building = Building(SPEC, lifetime, undo)
        given = list(building.given_volumes(keeps_read_only=keeps))
        assert [one.mode for one in given] == modes
        assert building.volumes == {one.target: one.directory for one in given}
        assert all(one.directory.stat().st_mode & 0o777 == 0o777 for one in given)
    assert not any(one.directory.exists() for one in given)


def test_a_box_and_its_sibling_share_the_same_directories(lifetime: Lifetime) -> None:
    with ExitStack() as undo:
        first = Building(SPEC, lifetime, undo)
        shared = first.shared_directories()
        box = Box(SPEC, BoxHandle(cast(Agent, object()), shared_root=first.shared_root))
        second = Building(replace(SPEC, started_beside=box), lifetime, undo)
        assert second.shared_directories() == shared


def test_no_technology_makes_the_directory_of_a_volume_by_itself() -> None:
    made = {
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        if any(f'directory("{name}")' in path.read_text("utf-8") for name in ("volume", "shared", "handed"))
    }
    assert made == {"building.py", "handed.py"}


@pytest.mark.parametrize("name", [one.name for one in fields(BoxHandle)])
def test_what_a_handle_tells_is_read_somewhere(name: str) -> None:
    """A field that nobody reads is a protocol that nobody keeps."""
    package = SOURCES.parent
    readers = [path for room in (package, package.parent / "checks") for path in room.rglob("*.py")]
    assert any(f"parts.{name}" in path.read_text("utf-8") for path in readers), f"no code reads BoxHandle.{name}"


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, None),
        ({"Networks": {"none": {"IPAddress": ""}}}, None),
        ({"IPAddress": "10.88.0.2"}, "10.88.0.2"),
        ({"IPAddress": "", "Networks": {"a": {"IPAddress": ""}, "b": {"IPAddress": "172.18.0.2"}}}, "172.18.0.2"),
    ],
)
def test_the_address_of_a_container(settings: dict[str, object], address: str | None) -> None:
    assert inspected.address_of({"NetworkSettings": settings}) == address


def test_the_root_of_a_container_where_it_can_be_read(tmp_path: Path) -> None:
    for path, expected in ((tmp_path, tmp_path), (tmp_path / "missing", None)):
        assert inspected.merged_root({"GraphDriver": {"Data": {"MergedDir": str(path)}}}) == expected
    assert inspected.merged_root({"GraphDriver": None}) is None


def test_the_ports_of_a_container() -> None:
    ports = {"80/tcp": [{"HostIp": "::1", "HostPort": "8080"}], "81/tcp": None}
    assert inspected.published({"NetworkSettings": {"Ports": ports}}) == [("80/tcp", "[::1]:8080")]
