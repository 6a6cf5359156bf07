"""The controller's account of a run: rows from reports, facts of boxes, and in the end one Run."""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.verdicts import Control, Verdict
from pytest_isolation.report import trade
from pytest_isolation.report.run import (
    GuaranteeRow,
    ResultRow,
    Run,
    ToolFacts,
)
from pytest_isolation.suite import fewer
from pytest_isolation.suite.boxes import BoxCandidate
from pytest_isolation.suite.demands import missing, unmet
from pytest_isolation.suite.further import Further
from pytest_isolation.suite.interrupts import interrupted_later
from pytest_isolation.suite.joined import joined, worse_proof
from pytest_isolation.suite.kept import Partial, write_reports
from pytest_isolation.suite.messages import Closed, Process, Told, started_by, told_by
from pytest_isolation.suite.rows import box_row, guarantee_row, host_facts, run_facts

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_isolation.guarantees.verdicts import Key
    from pytest_isolation.suite.state import RunState


class Gatherer:
    """Collects rows and facts as they come, and makes the run's report of them."""

    AS_OWED: tuple[int, ...] = (pytest.ExitCode.OK,)
    """Of pytest's own exit statuses those that what is owed may change."""

    def __init__(self, session: RunState, reports: tuple[tuple[str, Path], ...] | None = None) -> None:
        """`reports`: kept as they come; None: those of the run."""
        self._session = session
        self._started = time.time()
        self._rows: dict[Key, ResultRow] = {}
        self._tests: dict[Key, dict[str, Verdict]] = {}
        """Row -> node id -> verdict, of the tests that are about it."""
        self._begun: dict[str, Told] = {}
        """Node id -> what is said of the cell if whoever measures it dies."""
        self._promises: dict[str, GuaranteeRow] = {}
        self._known: set[str] = set()
        self._wrong: dict[str, None] = {}
        self._proofs: dict[tuple[str, str], Control] = {}
        self._starts: dict[str, list[float]] = {}
        self._notes: dict[str, list[str]] = {}
        self._measured: dict[str, dict[str, Any]] = {}
        self._run_notes: list[str] = []
        self._planned: set[Key] = set()
        self._closed: dict[tuple[str, str], Closed] = {}
        """(box, door) -> why nobody came through it."""
        self._unmet: list[str] = []
        self._exit = 0
        self._partial = Partial(session.options.reports if reports is None else reports)
        self._kept: set[str] = set()
        """Boxes that the partial report knows."""
        self._further = Further(session, self._run_notes)

    # -- filling -------------------------------------------------------------------------

    def add(self, report: pytest.TestReport) -> None:
        """What pytest reports of a test, wherever it ran."""
        told = told_by(report)
        if str(report.when) == "???":  # xdist's word for a worker that crashed during this item
            told = self._begun.get(report.nodeid)
            self._run_notes.append(f"a worker crashed while it ran {report.nodeid}")
        if told is None:
            return
        if told.plan is not None:
            self.add_process(told.plan)
        if report.when == "setup":
            self._begun[report.nodeid] = told
        elif (closed := told.closed) is not None:
            self._closed.setdefault((closed.box, closed.door), closed)
        elif (proof := told.proof) is not None:
            at = proof.box, proof.guarantee
            self._proofs[at] = worse_proof(self._proofs.get(at), proof.state)
        elif (row := told.row) is not None:
            tests = self._tests.setdefault(row.key, {})
            tests[report.nodeid] = row.verdict
            before = self._rows.get(row.key)
            self._rows[row.key] = joined(before, row, tests)
            self._keep(row, anew=before is not None)

    def _keep(self, row: ResultRow, *, anew: bool) -> None:
        """In the partial report; all of that anew where there is more news: another box, several tests of one row."""
        if row.box in self._kept and not anew:
            self._partial.add(row)
            return
        self._kept.add(row.box)
        for promise in self._session.guarantees.values():
            self._promises.setdefault(promise.id, guarantee_row(promise))
        self._partial.begin(self.run(0))

    def of_this_process(self) -> Process:
        """What only this process knows of its boxes and guarantees."""
        started = started_by(self._session.started.pool_if_any)
        return replace(
            self.plan_of_this_process(),
            starts=started.starts,
            notes=started.notes,
            measured=self._session.measured_facts(),
        )

    def plan_of_this_process(self) -> Process:
        """What is known of it once it has collected."""
        session = self._session
        return Process(
            guarantees=tuple(map(guarantee_row, session.guarantees.values())),
            known=tuple(sorted(session.known)),
            wrong=tuple(session.wrong),
            planned=tuple(sorted(session.planned, key=str)),
        )

    def add_process(self, told: Process) -> None:
        """`told`: of this process, of a helper or of a worker; one that crashed tells nothing."""
        self._known.update(told.known)
        self._wrong |= dict.fromkeys(told.wrong)
        self._planned.update(told.planned)
        for promise in told.guarantees:
            self._promises.setdefault(promise.id, promise)
        for name, starts in told.starts.items():
            self._starts.setdefault(name, []).extend(starts)
        for name, facts in told.measured.items():
            self._measured.setdefault(name, {}).update(facts)
        for name, notes in told.notes.items():
            known = self._notes.setdefault(name, [])
            known += [note for note in notes if note not in known]

    # -- saying --------------------------------------------------------------------------

    def run(self, exit_status: int) -> Run:
        """All that is known by now, and what other plugins give to it."""
        found = self.own(exit_status)
        return found.with_contributions(
            self._session.config.hook.pytest_isolation_contribution(config=self._session.config)
        )

    def heard(self, report: pytest.TestReport, row: ResultRow) -> ResultRow:
        """The row of a report, for a person who waits."""
        return row

    def own(self, exit_status: int) -> Run:
        """All that is known by now, in the order of boxes and guarantees."""
        session, further = self._session, self._further
        order = {one.spec.name: number for number, one in enumerate(session.chosen)}
        rank = {known: number for number, known in enumerate(self._promises)}

        def place(row: ResultRow) -> tuple[int, ...]:
            """Boxes by themselves, then pairs; box by box, guarantee by guarantee, the start door first."""
            beside = -1 if row.sibling is None else order.get(row.sibling, -1)
            return beside >= 0, order[row.box], rank.get(row.guarantee, 0), row.door == Door.EXEC, beside

        rows = [replace(row, proofs=self._proofs_of(row)) for row in sorted(self._rows.values(), key=place)]
        found = Run(
            tool=ToolFacts(version=version("pytest-isolation")),
            run=replace(
                run_facts(session.run_id, self._started, session.seed, exit_status),
                missing=len(self._missing()),
                unmet=len(self._unmet),
            ),
            host=host_facts(),
            boxes=tuple(
                box_row(
                    one.with_facts(self._measured.get(one.spec.name)),
                    self._starts.get(one.spec.name, []),
                    self._notes.get(one.spec.name, []) + self._shut_doors(one),
                    further.costs.boxes.get(one.spec.name) if further.costs is not None else None,
                )
                for one in self._chosen()
            ),
            guarantees=tuple(self._promises.values()),
            results=tuple(rows),
            support=further.support,
            technologies=further.technologies,
            depth=tuple(further.depth),
            flow=tuple(further.flow),
            notes=tuple(
                self._run_notes + session.judge.notes(list(self._rows.values())) + fewer.notes(self._rows.values())
            ),
        )
        if further.costs is not None:
            found = replace(found, trade=trade.rows(found, further.costs.probed))
        return found

    def candidates(self) -> list[BoxCandidate]:
        """The boxes before any was started."""
        return self._session.chosen

    def _chosen(self) -> list[BoxCandidate]:
        """The boxes, with what starting them has shown: one that nobody came into is not available."""
        measured = {box for box, *_ in self._rows}
        shut: dict[str, Closed] = {}
        for (box, _), closed in self._closed.items():
            if box not in measured:
                shut.setdefault(box, closed)
        return [
            replace(one, reason=found.reason, remedy=found.remedy, cause=found.cause)
            if one.available and (found := shut.get(one.spec.name)) is not None
            else one
            for one in self.candidates()
        ]

    def _shut_doors(self, one: BoxCandidate) -> list[str]:
        found = [closed for (box, _), closed in self._closed.items() if box == one.spec.name] if one.available else []
        return [f"not measured through its {closed.door} door: {closed.reason}" for closed in found]

    def _missing(self) -> set[Key]:
        return missing(self._planned, self._rows, self._chosen(), self._closed.values())

    def _proofs_of(self, row: ResultRow) -> dict[str, Control]:
        state = self._proofs.get((row.box, row.guarantee)) if row.sibling is None else None
        return {row.box: state} if state is not None else {}

    def header(self) -> list[str]:
        """Lines above the first test."""
        from pytest_isolation.report import terminal

        return terminal.header(self.run(0))

    def summarise(self, reporter: Any) -> None:
        """Write the report for terminals to pytest's."""
        from pytest_isolation.report import terminal

        if not (self._promises or self._run_notes):
            return
        reporter.section("isolation")
        text = terminal.render(
            self.run(self._exit),
            width=min(reporter._tw.fullwidth, 120),
            color=reporter._tw.hasmarkup,
            verbose=reporter.config.get_verbosity() > 0,
        )
        reporter.write_line(text)

    def finish(self, session: pytest.Session) -> None:
        """The exit status the rows ask for, and the reports: written even when the run was interrupted."""
        try:
            self._look_at_the_kernel()
        finally:
            with interrupted_later():
                self._owe(session)
                self._exit = int(session.exitstatus)
                run = self.run(self._exit)
                self._write(session, run)
        session.config.hook.pytest_isolation_report(config=session.config, run=run)

    def _owe(self, session: pytest.Session) -> None:
        """The exit status: pytest's own, unless the rows ask for another."""
        asked = self._session.options
        self._unmet, nothing = self.owed()
        if session.exitstatus in self.AS_OWED:
            if self._unmet and not (nothing and not asked.require):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
            elif nothing:
                session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED  # nothing that could have failed
        self._run_notes += self._unmet
        try:
            for line in self._wrong:
                raise UsageError(line)
            if self._known:
                self._session.judge.check(self._known)
        except UsageError as error:  # only here with workers: they alone know what is in the user's files
            self._run_notes.append(str(error))
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def _write(self, session: pytest.Session, run: Run) -> None:
        unwritten = write_reports(run, self._session.options.reports)
        if unwritten and self._partial.begun:
            unwritten.append(f"the rows are in {self._partial.path}")
        elif not unwritten:
            self._partial.remove()
        if unwritten:
            self._run_notes += unwritten
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self._exit = int(session.exitstatus)

    def owed(self) -> tuple[list[str], bool]:
        """(a sentence for each box that was asked for and not measured, whether nothing was)."""
        rows = list(self._rows.values())
        self._unmet = unmet(self._session.options, self._chosen(), rows, self._missing(), self._closed.values())
        asked_for = bool(self._planned) or not any(one.available for one in self.candidates())
        return self._unmet, asked_for and all(row.verdict is Verdict.UNSUPPORTED for row in rows)

    def measure_further(self) -> None:
        """After all rows, when no box of theirs stands: no verdict depends on it, and no row disturbs a figure."""
        self._further.measure([one.spec for one in self._chosen() if one.available], self._rows)

    def _look_at_the_kernel(self) -> None:
        """Host support, unless it is not wanted, or nobody would see it."""
        self._further.look_at_the_kernel()
