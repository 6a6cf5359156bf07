"""What the tests of layers share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from pytest_isolation.errors import Unavailable
from pytest_isolation.suite.layers.engines import engines
from pytest_isolation.suite.layers.engines.engine import Engine
from tests.support import REQUIRED


@contextmanager
def ready(name: str) -> Iterator[Engine]:
    """The engine; the test is skipped where it cannot run, and fails where CI says that it must."""
    with ExitStack() as undo:
        try:
            engine = undo.enter_context(engines()[name]())
        except Unavailable as error:
            if name.partition("-")[0] in REQUIRED:
                raise
            pytest.skip(str(error))
        yield engine
