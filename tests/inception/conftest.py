"""What the tests of stacks that are built and started share: images take minutes to build."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.technologies.clean import clean
from tests.inception.building import base_image, layers, need_stack


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lifetime]:
    """The base image and the reference's layers are there; the register they are written down in."""
    need_stack(tmp_path_factory.mktemp("need"))
    clean()
    made = Lifetime()
    try:
        with base_image(made, tmp_path_factory.mktemp("base")), layers(made):
            yield made
    finally:
        made.close()
