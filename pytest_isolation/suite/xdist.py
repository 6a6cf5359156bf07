"""Everything that names pytest-xdist; registered only where it is installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from pytest_isolation.suite.told import Process

if TYPE_CHECKING:
    from pytest_isolation.suite.session import Session


class ByBox(LoadScopeScheduling):  # type: ignore[misc]
    """All checks of one box go to one worker: a box that takes seconds to start is started once."""

    def _split_scope(self, nodeid: str) -> str:
        if "::" in nodeid and nodeid.endswith("]") and nodeid.startswith("isolation::"):
            cell = nodeid[nodeid.rindex("[") + 1 : -1]
            # See Cell.__str__; of a family, the member's id is behind a colon.
            return "pairs" if "+" in cell else re.split("[~@:]", cell)[0]
        return str(super()._split_scope(nodeid))


class Workers:
    """The hooks only xdist has."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> ByBox | None:
        return ByBox(config, log) if config.getoption("dist") in ("load", "loadscope", "worksteal") else None

    def pytest_configure_node(self, node: Any) -> None:
        """What every worker must agree on."""
        node.workerinput["isolation"] = self._session.for_workers().to_json()

    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker has ended; one that crashed tells nothing."""
        told = (getattr(node, "workeroutput", None) or {}).get("isolation")
        if told is None:
            self._session.lost_a_worker = True
        else:
            self._session.gatherer.add_process(Process.from_json(told))
