"""Our own extension points.  A technology comes through the entry point group instead: see docs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_isolation.report.run import Run


@pytest.hookspec
def pytest_isolation_report(config: pytest.Config, run: Run) -> Any:
    """Called once, on the controller, with the finished run, before reports are written."""
