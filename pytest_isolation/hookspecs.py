"""Our own extension points.  A technology comes through the entry point group instead: see docs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_isolation.report.run import Contribution, Run


@pytest.hookspec
def pytest_isolation_report(config: pytest.Config, run: Run) -> Any:
    """Called once, on the controller, with the finished run, before reports are written."""


@pytest.hookspec
def pytest_isolation_measures(config: pytest.Config) -> bool | None:
    """True when the plugin makes rows of its own in this run, so that the options of a report mean something.

    Called while pytest is configured, on the controller and on every worker.
    """


@pytest.hookspec
def pytest_isolation_contribution(config: pytest.Config) -> Contribution | None:
    """The plugin's part of the report, as far as there is one yet.

    Called on the controller whenever a Run is made: for the header, for a partial report, and at the end.
    """
