"""What a person sees while a run measures: a line for each box, and why its first dot is slow to come."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from pytest_isolation.technologies import technology

if TYPE_CHECKING:
    import pytest

    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.suite.plan import Cell

SLOW_MS = 1000
"""A start that takes this long is announced."""


class Progress:
    """Silent where there is no terminal reporter: in a worker, of whose boxes the controller's dots are a mixture."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._line: str | None = None
        self._announced: set[str] = set()

    def measuring(self, cell: Cell, node_id: str) -> None:
        """Begin the line of the cell's box, door or pairs, unless it is begun."""
        reporter = self._reporter()
        if reporter is None or not reporter.showfspath or reporter.showlongtestinfo:
            return
        line = "pairs" if cell.sibling is not None else cell.spec.name + ("@exec" if cell.again else "")
        if line != self._line:
            self._line = line
            # As for a file: with what the line before has come to.
            reporter.write_fspath_result(os.fspath(reporter.startpath / line), "")
        # Now pytest takes the line for that of the item's file, and begins no other.
        reporter.currentfspath = self._config.rootpath / node_id.partition("::")[0]

    def starting(self, spec: BoxSpec) -> None:
        """Say so before a box's first start, if that is slow."""
        reporter, slow = self._reporter(), technology(spec.technology).start_ms
        if reporter is None or slow < SLOW_MS or spec.name in self._announced or reporter.verbosity < 0:
            return
        self._announced.add(spec.name)
        with self._uncaptured():
            reporter.write(f"(starts in about {slow / 1000:.0f} s) ", flush=True)

    def _uncaptured(self) -> AbstractContextManager[None]:
        """While a check runs, pytest keeps what is written for itself."""
        manager = self._config.pluginmanager.getplugin("capturemanager")
        return manager.global_and_fixture_disabled() if manager is not None else nullcontext()

    def _reporter(self) -> Any:
        return self._config.pluginmanager.getplugin("terminalreporter")
