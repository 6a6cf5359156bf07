"""What is shared by tests of different folders because it is dear: a machine takes half a minute to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import Unavailable
from pytest_isolation.machines import DockerMachine, start, suite
from pytest_isolation.suite.collect import checks_directory
from tests.support import REQUIRED

DEAR = ("docker_machine", "wheel", "built")
"""Fixtures of a session that are made once: the files that use one of them are run by one worker."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What two workers share out (`-n 2 --dist loadgroup`): files, and first those of the machine, the longest."""
    if not config.pluginmanager.hasplugin("xdist"):
        return
    group = {item.path: str(item.path) for item in items}
    for item in items:
        dear = [name for name in DEAR if name in getattr(item, "fixturenames", ())]
        group[item.path] = dear[0] if dear else group[item.path]
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group[item.path]))
    items.sort(key=lambda item: group[item.path] != "docker_machine")


@pytest.fixture(scope="session")
def docker_machine() -> Iterator[DockerMachine]:
    """A virtual machine with a Docker daemon, for all tests of the session: leave it as it was.

    It has the suite on a disk where this Python is the machine's.
    """
    lifetime = Lifetime()
    try:
        disks = [suite.disk(lifetime, checks_directory())] if sys.version_info[:2] == suite.PYTHON else []
        with start(lifetime, disks=disks) as machine:
            yield machine
    except Unavailable as error:
        if "qemu" in REQUIRED:
            raise
        pytest.skip(str(error))
    finally:
        lifetime.close()
