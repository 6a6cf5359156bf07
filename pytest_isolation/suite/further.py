"""What a run measures besides its rows, once they are all there: costs, layers, who refuses, flows; and the kernel.

No verdict depends on it.  What cannot be measured, or is interrupted, is a note of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.door import Door
from pytest_isolation.errors import BoxError, IsolationError, in_one_line
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.suite.support import of_this_host

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.guarantees.verdicts import Key
    from pytest_isolation.report.further import BoxDepth, BoxFlow
    from pytest_isolation.report.run import ResultRow, SupportRow, TechnologyRow
    from pytest_isolation.suite.costs.measure import Costs
    from pytest_isolation.suite.state import RunState


class Further:
    """What was measured of it so far; empty of what was not asked for."""

    def __init__(self, session: RunState, notes: list[str]) -> None:
        """`notes`: of the run, to which this adds its own."""
        self._session, self._notes = session, notes
        self.costs: Costs | None = None
        self.depth: list[BoxDepth] = []
        self.flow: list[BoxFlow] = []
        self.support: tuple[SupportRow, ...] = ()
        self.technologies: tuple[TechnologyRow, ...] = ()

    def measure(self, specs: list[BoxSpec], rows: dict[Key, ResultRow]) -> None:
        """All that the options ask for, of the boxes that could be measured.  A row is replaced that tells who refuses.

        Raises KeyboardInterrupt when it comes between two of the measurements.
        """
        asked = self._session.options
        started = [replace(one, door=Door.START) for one in specs]
        if asked.costs is not None:
            self._measure_costs(specs, asked.costs)
        if asked.depth:
            self._measure_depth(started, rows)
        if asked.why:
            self._find_refusers(started, rows)
        if asked.flow is not None:
            self._search_flows(specs, asked.flow)

    def look_at_the_kernel(self) -> None:
        """Host support, unless it is not wanted, or nobody would see it.

        That is where boxes were named, all are there, and no report is written.
        """
        session = self._session
        asked, hook = session.options, session.config.hook.pytest_isolation_report
        if asked.no_host:
            return
        heard = asked.reports or hook.get_hookimpls()
        if asked.boxes and not heard and all(one.available for one in session.chosen):
            return
        with self._or_note(
            interrupted="it was looked what this kernel can do: host support is missing",
            failed="host support was not finished",
            errors=(BoxError,),
        ):
            session.progress.says("looking at what this kernel can do, some seconds")
            vms = any(one.spec.technology == "qemu" for one in session.chosen)
            self.support, self.technologies = of_this_host(session.started.lifetime, guest=vms)

    @contextmanager
    def _or_note(
        self,
        *,
        interrupted: str,
        failed: str = "",
        errors: tuple[type[Exception], ...] = (IsolationError, OSError),
    ) -> Iterator[None]:
        """A note where the block is `interrupted`, or `failed` by one of `errors`; any other is raised."""
        try:
            yield
        except KeyboardInterrupt:
            self._notes.append(f"interrupted while {interrupted}")
        except errors as error:
            self._notes.append(f"{failed}: {in_one_line(error)}")

    def _measure_costs(self, specs: list[BoxSpec], boxes: int) -> None:
        """`boxes`: of one at a time, at most."""
        from pytest_isolation.suite.costs.measure import Costs, measure

        self.costs = into = Costs()
        with self._or_note(
            interrupted="costs were measured: those of the last boxes are missing", failed="costs were not measured"
        ):
            tell, versions = self._session.progress.says, self._session.options.versions
            measure(specs, boxes=boxes, tell=tell, into=into, versions=versions)

    def _measure_depth(self, started: list[BoxSpec], rows: dict[Key, ResultRow]) -> None:
        """On how many layers rests what held, through the start door and in no pair."""
        from pytest_isolation.suite.depth.measure import measure

        held: dict[str, list[str]] = {}
        for row in rows.values():
            if row.verdict is Verdict.HOLDS and _is_of_a_start(row):
                held.setdefault(row.box, []).append(row.guarantee)
        session = self._session
        with self._or_note(
            interrupted="layers were counted: more holes may break a guarantee", failed="layers were not counted"
        ):
            measure(
                started,
                held,
                seed=session.seed,
                jobs=session.options.jobs,
                tell=session.progress.says,
                into=self.depth,
            )

    def _find_refusers(self, started: list[BoxSpec], rows: dict[Key, ResultRow]) -> None:
        """Which layer refuses, of the rows of --isolation-why that hold by refusal, as _measure_depth()."""
        from pytest_isolation.suite.refused import find

        session = self._session
        asked = [
            row
            for row in rows.values()
            if _is_of_a_start(row) and any(fnmatchcase(row.guarantee, glob) for glob in session.options.why)
        ]
        with self._or_note(
            interrupted="it was asked which layer refuses: some rows do not say",
            failed="which layer refuses was not found",
        ):
            for row in find(started, asked, seed=session.seed, tell=session.progress.says):
                rows[row.key] = row

    def _search_flows(self, specs: list[BoxSpec], seconds: int) -> None:
        """What a program on one side of a box changes for one on another side; errors are rows of what was found."""
        from pytest_isolation.suite.flow.measure import measure

        session = self._session
        with self._or_note(interrupted="flows were searched: more may flow", errors=()):
            measure(
                specs,
                seconds=seconds,
                seed=session.seed,
                pairs=session.options.pairs and bool(session.options.boxes),
                jobs=session.options.jobs,
                tell=session.progress.says,
                into=self.flow,
            )


def _is_of_a_start(row: ResultRow) -> bool:
    """Through the start door, and in no pair."""
    return row.sibling is None and row.door == Door.START
