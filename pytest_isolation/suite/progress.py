"""What a person sees while a run measures: a line for each box, what it came to, and what fails, when it does."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees.verdicts import Outcome, Verdict
from pytest_isolation.technologies import technology

if TYPE_CHECKING:
    import pytest

    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.report.run import ResultRow
    from pytest_isolation.suite.plan import Cell

LEGEND = ". holds, v violated, V violated and required, I or E decides nothing, s cannot be asked"
SLOW_MS = 1000
"""A start that takes this long is announced."""


class Progress:
    """Prints one line of dots for each box.

    Prints nothing in a worker: the controller's dots mix the boxes of all workers.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._line: str | None = None
        self._announced: set[str] = set()
        self._verdicts: Counter[Verdict] = Counter()
        """Of the line."""
        self._pending = [LEGEND]
        """Lines to be written before the next dot."""

    def measuring(self, cell: Cell, node_id: str) -> None:
        """Begin the line of the cell's box, door or pairs, unless it is begun."""
        reporter = self._reporter()
        if reporter is None or not reporter.showfspath or reporter.showlongtestinfo:
            return
        line = "pairs" if cell.sibling is not None else cell.spec.name + ("@exec" if cell.again else "")
        if line != self._line:
            self._pending += self._came_to()
            self._line = line
            self._verdicts.clear()
            self._begin(reporter, line)
        elif self._pending:
            self._begin(reporter, line)
        # Now pytest takes the line for that of the item's file, and begins no other.
        reporter.currentfspath = self._config.rootpath / node_id.partition("::")[0]

    def _begin(self, reporter: Any, line: str) -> None:
        """What was heard meanwhile, and a line for dots.  As for files, a line of dots ends with how far the run is."""
        for text in self._pending:
            reporter.write_fspath_result(os.fspath(reporter.startpath / text), "")
            reporter.currentfspath = None
        self._pending.clear()
        reporter.write_fspath_result(os.fspath(reporter.startpath / line), "")

    def heard(self, row: ResultRow) -> None:
        """Of a cell that was measured: its row."""
        self._verdicts[row.verdict] += 1
        if row.outcome is Outcome.FAILED:
            word = "VIOLATED" if row.verdict is Verdict.VIOLATED else row.verdict
            beside = f" beside {row.sibling}" if row.sibling else ""
            self._pending.append(f"  {word} {row.guarantee} in {row.box}{beside}")

    def _came_to(self) -> list[str]:
        """ "  docker: 64 of 73 hold, 9 violated", when its last check is done."""
        counts = self._verdicts
        if not counts.total():
            return []
        others = [f"{counts[word]} {word}" for word in Verdict if word is not Verdict.HOLDS]
        hold = f"{counts[Verdict.HOLDS]} of {counts.total()} hold"
        said = ", ".join([hold, *(one for one in others if one[0] != "0")])
        return [f"  {self._line}: {said}"]

    def says(self, text: str) -> None:
        """A line about what takes long beside the measuring."""
        reporter = self._reporter()
        if reporter is not None and reporter.verbosity >= 0:
            reporter.ensure_newline()
            reporter.write_line(text)

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
