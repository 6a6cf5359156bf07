"""What is shared by tests of different folders because it is dear: a machine takes half a minute to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import Unavailable
from pytest_isolation.machines import DockerMachine, start, suite
from pytest_isolation.suite.collect import checks_directory
from tests.support import REQUIRED

TOGETHER = (
    ("technologies/test_docker_elsewhere.py", "machines/"),
    ("inception/test_started.py", "inception/test_live_mutants.py", "inception/test_in_a_machine.py"),
    ("packaging/",),
)
"""Below tests/, the files of one worker (`-n 2 --dist loadfile`), longest first: one machine, port 443, one wheel."""


def together(path: str) -> str:
    """What a test file is run with, by its path from the root: its name, where it stands alone."""
    return next((group[0] for group in TOGETHER if path.removeprefix("tests/").startswith(group)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files as `--dist loadfile` shares them out, some of them as one; `--dist loadgroup` needs a pytest before 9.2."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return together(nodeid.partition("::")[0])

    return Together(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = [group[0] for group in TOGETHER]
    found = [together(item.nodeid.partition("::")[0]) for item in items]
    ranks = [order.index(name) if name in order else len(order) for name in found]
    items[:] = [item for _, item in sorted(zip(ranks, items, strict=True), key=lambda pair: pair[0])]


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
