"""What the tests of technologies share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.owners import Owner, owner


@pytest.fixture(scope="module")
def theirs() -> Iterator[Owner]:
    """Somebody with containers of Docker's that are not ours."""
    with owner("docker") as made:
        yield made
