"""A run killed at any moment: the next clean-up removes what it left, and only that."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import Unavailable
from pytest_isolation.outside.fingerprint import fingerprint, settled_differences
from pytest_isolation.technologies import technology
from tests.support import REQUIRED

MOMENTS = 20
SEED = 20


def _boxes() -> list[str]:
    found = []
    for name in ("namespaces", "docker"):
        try:
            technology(name).check_available(BoxSpec(technology=name))
            found.append(name)
        except Unavailable:
            assert name not in REQUIRED
    return found


@pytest.fixture
def bystanders(tmp_path: Path) -> Iterator[list[psutil.Process]]:
    """Things of the same kinds as ours that are somebody else's: they must not notice."""
    with ExitStack() as undo:
        local = undo.enter_context(start_local(arguments=["bystander"]))
        found = [psutil.Process(local.pid)]
        if "docker" in _boxes():
            found.append(undo.enter_context(_bystander_container()))
        yield found


@contextmanager
def _bystander_container() -> Iterator[psutil.Process]:
    """A container nobody labelled as ours, running an agent that waits."""
    import docker

    from pytest_isolation.boxes.image import base_image

    client = docker.from_env()
    tag = f"bystander:{os.getpid()}"
    client.api.import_image_from_data(base_image().to_tar(), repository="bystander", tag=str(os.getpid()))
    try:
        container = client.containers.run(
            tag, ["/agent"], stdin_open=True, detach=True, name=f"bystander-{os.getpid()}"
        )
        try:
            container.reload()
            yield psutil.Process(container.attrs["State"]["Pid"])
        finally:
            container.remove(force=True)
    finally:
        client.images.remove(tag, force=True)
        client.close()


def test_killed_at_random_moments(bystanders: list[psutil.Process], tmp_path: Path) -> None:
    before = fingerprint()
    choose = random.Random(SEED)
    boxes = [option for name in _boxes() for option in ("--box", name)]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--isolation", *boxes, "--isolation-only", "pid.*,cg.*"]
    for _ in range(MOMENTS):
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(choose.uniform(0.3, 6.0))
        # The whole group: the controller and its workers, as when a CI job is cancelled.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    clean = subprocess.run(
        [sys.executable, "-m", "pytest", "--isolation-clean"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert settled_differences(before) == []
    assert all(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in bystanders)


def test_a_living_run_is_left_alone(tmp_path: Path) -> None:
    from pytest_isolation.boxes.lifetime import Lifetime, clean

    lifetime = Lifetime()
    try:
        lifetime.register("directory", os.fspath(tmp_path))
        assert clean() == []
        assert tmp_path.exists()
    finally:
        lifetime.close()


def test_what_is_not_proven_ours_is_kept(tmp_path: Path) -> None:
    """A register that names a process which has since been replaced by another of the same number."""
    from pytest_isolation.boxes.lifetime import Lifetime, clean

    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        lifetime = Lifetime()
        lifetime.register("process", f"{os.getppid()}:{psutil.Process(os.getppid()).create_time() - 100}")
        os.write(writer, lifetime.run_id.encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writer)
    run_id = os.read(reader, 100).decode()
    os.close(reader)
    os.waitpid(child, 0)
    done = [one for one in clean() if one.run.startswith(run_id)]
    assert [(one.kind, one.outcome) for one in done] == [("process", "absent"), ("directory", "removed")]
