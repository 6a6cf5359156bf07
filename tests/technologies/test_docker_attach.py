"""Containers of somebody else's: attached, measured, and left as they were."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import Box, Unavailable, Unsupported, UsageError
from pytest_isolation.boxes.image import base_image
from pytest_isolation.options.boxes import parse
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.docker.daemon import connect
from tests.owners import is_hardened
from tests.support import need, started_alone

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="attaching is for root")
HARDENED = {
    "read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"], "network_mode": "none",
    "tmpfs": {"/tmp": "noexec"},
}  # fmt: skip
HOLES = [
    pytest.param({"pid_mode": "host"}, "pid.signal-out-refused", id="pid-host"),
]
"""How a container was started -> the guarantee that breaks, in a whole run; every hole is in test_holes.py."""


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    need("docker")
    tag = f"owners-{secrets.token_hex(4)}"
    api = connect(None).api
    api.import_image_from_data(base_image().to_tar(), repository=tag, tag="1")
    yield f"{tag}:1"
    api.remove_image(f"{tag}:1")


@contextmanager
def running(image: str, *, user: str = "0:0", **host: Any) -> Iterator[str]:
    """A container that its owner started, and still has when we are done."""
    api = connect(None).api
    configuration = api.create_host_config(**host)
    made = api.create_container(image, command=["/agent"], stdin_open=True, user=user, host_config=configuration)
    api.start(made["Id"])
    try:
        yield made["Id"]
        assert api.inspect_container(made["Id"])["State"]["Running"], "the owner's container is no longer running"
    finally:
        api.remove_container(made["Id"], force=True)


def attached(name: str, more: str = "") -> AbstractContextManager[Box]:
    return started_alone(parse(f"docker:container={name}{more}"))


def trace(name: str) -> tuple[object, ...]:
    """What its owner would notice: changed files, processes, mounts."""
    api = connect(None).api
    pid = api.inspect_container(name)["State"]["Pid"]
    mounts = [" ".join(line.split()[3:5]) for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    processes = [process[7:] for process in api.top(name)["Processes"]]
    return api.diff(name), processes, mounts


def test_a_hardened_container_is_measured_and_left_as_it_was(image: str) -> None:
    with running(image, user="1000:1000", **HARDENED) as name:
        before = trace(name)
        with attached(name) as box:
            is_hardened(box)
        assert trace(name) == before


@pytest.mark.long("holes, attached")
@pytest.mark.parametrize(("hole", "broken"), HOLES)
def test_each_hole_breaks_what_it_opens(image: str, hole: dict[str, Any], broken: str, tmp_path: Path) -> None:
    with running(image) as sound, running(image, **hole) as open_:
        before = trace(sound), trace(open_)
        report = tmp_path / "report.json"
        argv = [sys.executable, "-m", "pytest", "-q", "--isolation", "--isolation-only", broken]
        argv += ["--box", f"sound=docker:container={sound}", "--box", f"open=docker:container={open_}"]
        argv += ["--isolation-profile", "container", "--isolation-report", f"json:{report}"]
        subprocess.run(argv, cwd=tmp_path, capture_output=True, timeout=240, check=False)
        rows = {row["box"]: row for row in json.loads(report.read_text())["results"]}
        assert (rows["sound"]["verdict"], rows["open"]["verdict"]) == ("holds", "violated"), rows
        assert {row["door"] for row in rows.values()} == {"exec"}
        assert (trace(sound), trace(open_)) == before


def test_what_would_change_it_is_not_done(image: str) -> None:
    with running(image) as name, attached(name) as box:
        with pytest.raises(Unsupported, match="its own program"):
            _ = box.init
        with pytest.raises(Unsupported, match="started by its owner"), box.fresh():
            pass
        assert box.sibling.proc.getpid().value == 1, "the sibling is a plain box of ours"


def test_what_a_killed_run_lent_is_taken_back(image: str) -> None:
    from pytest_isolation.technologies import inject
    from pytest_isolation.technologies.docker import attach

    with running(image) as name:
        before = trace(name)
        pid = connect(None).api.inspect_container(name)["State"]["Pid"]
        with inject.injected(pid, attach.TARGET):
            assert attach.eject(connect(None), name)
        assert not attach.eject(connect(None), name)
        assert trace(name) == before


def test_what_cannot_be_attached_is_one_paragraph(image: str) -> None:
    docker, api = technology("docker"), connect(None).api
    with pytest.raises(Unavailable, match="no container 'no-such'"):
        docker.check_available(parse("docker:container=no-such"))
    with pytest.raises(UsageError, match="a running container is as it is"):
        docker.check_available(parse("docker:container=any,cap_add=ALL"))
    with running(image) as name:
        api.pause(name)
        with pytest.raises(Unavailable, match="paused"):
            docker.check_available(parse(f"docker:container={name}"))
        api.unpause(name)
        with pytest.raises(Unsupported, match="memory"), attached(name, ",memory=64M"):
            pass
    made = api.create_container(image, command=["/agent"])
    try:
        with pytest.raises(Unavailable, match="not running"):
            docker.check_available(parse(f"docker:container={made['Id']}"))
    finally:
        api.remove_container(made["Id"])
