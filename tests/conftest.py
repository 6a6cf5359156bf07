"""What is shared by tests of different folders because it is dear: a machine takes half a minute to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.errors import Unavailable
from pytest_isolation.machines import DockerMachine, start
from tests.support import REQUIRED


@pytest.fixture(scope="session")
def docker_machine() -> Iterator[DockerMachine]:
    """A virtual machine with a Docker daemon, for all tests of the session: leave it as it was."""
    lifetime = Lifetime()
    try:
        with start(lifetime) as machine:
            yield machine
    except Unavailable as error:
        if "qemu" in REQUIRED:
            raise
        pytest.skip(str(error))
    finally:
        lifetime.close()
