"""On a road, only the step that is given the tree may refuse it; what else breaks is the bench's, or a loss."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival, together
from pytest_isolation.errors import BoxError, Unsupported, in_one_line
from pytest_isolation.outside.transfer.carried import lost
from pytest_isolation.suite.roads import measure as measuring
from pytest_isolation.suite.roads.measure import Measured, drawn, measure
from pytest_isolation.technologies.docker.daemon import LABEL, connect
from pytest_isolation.technologies.roads.docker import DockerRoads
from pytest_isolation.technologies.roads.engine import Place
from pytest_isolation.technologies.room import Refused
from tests.support import need

TREE = together(drawn(1, 0))


@pytest.fixture
def docker(run: Lifetime) -> Iterator[DockerRoads]:
    need("docker")
    if os.geteuid():
        pytest.skip("what arrives is read by root")
    yield DockerRoads(connect(None), run)
    assert _left(run) == []


def _left(run: Lifetime) -> list[str]:
    found = connect(None).api.images(all=True, filters={"label": f"{LABEL}={run.run_id}"})
    return [image["Id"] for image in found]


def _broken(docker: DockerRoads, folder: Path, script: str) -> None:
    """The real `docker`, whose `$3` is its verb, with `script` around it; `docker` in it is the real one."""
    path = folder / "docker"
    path.write_text(f'#!/bin/sh\ndocker() {{ {shlex.quote(docker._docker[0])} "$@"; }}\n{script}\n')
    path.chmod(0o755)
    docker._docker[0] = str(path)


def test_a_build_that_is_refused_leaves_no_image(docker: DockerRoads, run: Lifetime, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="nobody-of-this-name"):
        docker._build(TREE, Place(tmp_path, tmp_path), "COPY --chown=nobody-of-this-name")
    assert _left(run) == []


def test_a_build_leaves_no_image(docker: DockerRoads, run: Lifetime) -> None:
    assert docker.send("build", TREE).tree
    assert _left(run) == []


def test_a_daemon_that_is_gone_refuses_nothing(docker: DockerRoads) -> None:
    docker._docker[-1] = "unix:///nowhere/docker.sock"
    with pytest.raises(BoxError, match="does not answer"):
        docker.send("load", TREE)


def test_a_step_that_is_given_no_tree_refuses_none(docker: DockerRoads, tmp_path: Path) -> None:
    _broken(docker, tmp_path, '[ "$3" != run ] || { echo no room >&2; exit 1; }\ndocker "$@"')
    with pytest.raises(BoxError, match="docker run: no room"):
        docker.send("load", TREE)


def test_what_an_engine_saved_and_cannot_load_is_lost(docker: DockerRoads, tmp_path: Path) -> None:
    _broken(docker, tmp_path, 'docker "$@" && case "$3" in save) echo broken > "$5";; esac')
    arrival = docker.send("save", TREE)
    assert (arrival.refused, arrival.tree) == ("", {})


def test_a_container_of_somebody_else_hands_on_nothing() -> None:
    box: Any = SimpleNamespace(
        spec=SimpleNamespace(attached=True, technology="docker"), parts=SimpleNamespace(send=None)
    )
    with pytest.raises(Unsupported, match="the container is somebody else's"):
        lost(box, "save", "names", drawn(1, 0))


FULL = OSError(errno.ENOSPC, "No space left on device")
BROKEN = FULL, BoxError("the room\nbroke"), Unsupported("no such thing")


class _Breaks:
    """An engine that breaks on one of its roads."""

    version = "1"
    roads = {"good": "good", "bad": "bad"}

    def __init__(self, error: Exception) -> None:
        self._error = error

    def send(self, road: str, image: Image) -> Arrival:
        if road == "bad":
            raise self._error
        return Arrival({})


@pytest.mark.parametrize("error", BROKEN, ids=lambda one: type(one).__name__)
def test_what_breaks_takes_nothing_along(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the engines before it nor its own roads before it."""

    @contextmanager
    def breaks(lifetime: Lifetime, *, opened: bool = True, closed: bool = True) -> Iterator[_Breaks]:
        if not opened:
            raise error
        yield _Breaks(error)
        if not closed:
            raise error

    ways = {"road": breaks, "open": partial(breaks, opened=False), "close": partial(breaks, closed=False)}
    monkeypatch.setattr(measuring, "engines", lambda: ways)
    found: dict[str, Measured] = {}
    told: list[str] = []
    measure(list(ways), drawn(1, 0), tell=told.append, into=found)
    why = in_one_line(error)
    assert found["open"].missing == why and not found["open"].roads
    for name in ("road", "close"):
        assert found[name].missing == "" and found[name].roads["good"].asked
        assert found[name].roads["bad"].missing == why
    assert f"close: {why}" in told
