"""Inception audits inside pytest: one item a submission, wherever it runs; rows are gathered on the controller."""

from __future__ import annotations

import secrets
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_isolation.errors import IsolationError
from pytest_isolation.inception import report as reports
from pytest_isolation.inception.alone import AuditFailed, audit_alone
from pytest_isolation.inception.releases import stale_note
from pytest_isolation.inception.report import findings
from pytest_isolation.inception.row import InceptionRow
from pytest_isolation.report.run import BoxRow, Contribution, GuaranteeRow, ResultRow, Run, ToolFacts
from pytest_isolation.suite.kept import write_reports
from pytest_isolation.suite.rows import host_facts, run_facts

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_isolation.inception.asked import AuditOptions
    from pytest_isolation.inception.live import StackView
    from pytest_isolation.inception.options import Audits
    from pytest_isolation.options.config import RunConfig

ROWS: pytest.StashKey[list[dict[str, Any]]] = pytest.StashKey()
STACK: pytest.StashKey[dict[str, Any]] = pytest.StashKey()
"""What was measured in the containers of a stack: OF_STACK of the report."""
OF_STACK = ("boxes", "guarantees", "results")


class SubmissionFailed(Exception):
    """What ends the evaluation, as lines."""


class AuditItem(pytest.Item):
    """The audit of one submission."""

    def __init__(self, *, top: Path, auditor: Auditor, **how: Any) -> None:
        super().__init__(**how)
        self._top = top
        self._auditor = auditor
        self._measured: list[dict[str, Any]] = []

    def runtest(self) -> None:
        """Audits the submission in a process of its own, and its running stack where --live asks for that.

        Raises SubmissionFailed where a rule that decides is broken.
        """
        asked = self._auditor.asked.asked
        try:
            rows = audit_alone(self._top, asked, self.name)
        except AuditFailed as error:
            rows = [unfinished(self.name, str(error))]
        unseen = None
        if self._auditor.asked.live:
            seen, unseen = self._live(asked)
            rows += [row.to_json() for row in seen]
            rows += self._measured
        self.stash[ROWS] = rows
        if unseen is not None:
            raise SubmissionFailed(f"--inception-live {self._auditor.asked.live}: {unseen}")
        bad = findings.failing([InceptionRow.from_json(row) for row in rows], strict=asked.strict)
        if bad:
            raise SubmissionFailed("\n".join(findings.line(row) for row in bad))

    def _live(self, asked: AuditOptions) -> tuple[list[InceptionRow], IsolationError | None]:
        """Rows of the running stack, and why there was none to be seen."""
        from pytest_isolation.boxes.lifetime import Lifetime
        from pytest_isolation.inception import live
        from pytest_isolation.technologies.clean import clean

        if self._auditor.asked.live == "running":
            seen = live.audit_running(self._top, asked, self.name)
            self._measure(None, str(self._top))
            return seen, None
        logs = self.config._tmp_path_factory.mktemp("inception")  # type: ignore[attr-defined]
        way = live.Way(
            given=self._auditor.asked.env, logs=logs, machine=self._auditor.asked.live == "vm",
            tell=self._auditor.tell, while_up=self._measure,
        )  # fmt: skip
        lifetime = None
        try:
            clean()  # what an earlier run was killed before it could take back
            lifetime = Lifetime()
            return live.audit_started(self._top, asked, self.name, lifetime, way), None
        except IsolationError as error:
            return live.nothing_seen(self.name, str(error), "what the line says"), error
        finally:
            if lifetime is not None:
                lifetime.close()

    def _measure(self, view: StackView | None, top: str) -> None:
        """What the containers of the stack that runs from `top` isolate; without a view, on this machine's Docker."""
        from pytest_isolation.inception.measured import measure_running, measure_stack

        ask = measure_running if view is None else partial(measure_stack, view)
        run, rows = ask(
            top, self.name, self._auditor.options, self._auditor.tell, several=len(self._auditor.asked.paths) > 1
        )
        self._measured = [row.to_json() for row in rows]
        self.stash[STACK] = {key: value for key, value in run.to_json().items() if key in OF_STACK} if run else {}

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The findings that fail the run as they are, without a traceback of ours."""
        if isinstance(excinfo.value, SubmissionFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """(path, no line, `inception NAME`), as pytest's verbose output and JUnit files show it."""
        return self._top, None, f"inception {self.name}"


def unfinished(name: str, says: str) -> dict[str, Any]:
    """The one row of a submission whose audit did not end."""
    return InceptionRow(
        path=name, rule="T02", verdict="fail", severity="end", where=".", found=says,
        why="A submission is small enough to be read whole.", fix="remove generated, downloaded and very large files",
    ).to_json()  # fmt: skip


class Auditor:
    """Registered as a plugin, on the controller and on every worker."""

    def __init__(self, config: pytest.Config, options: RunConfig, asked: Audits) -> None:
        self.config = config
        self.options = options
        self.asked = asked
        self.is_worker = hasattr(config, "workerinput")
        self._rows: dict[str, list[dict[str, Any]]] = {}
        self._stacks: dict[str, dict[str, Any]] = {}
        self._started = time.time()
        self._unwritten: list[str] = []
        if not options.enabled and config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args = []  # an audit is not a reason to run the tests around it

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """No test, and no conftest, of an audited tree is collected."""
        return True if any(collection_path.is_relative_to(top) for _, top in self.asked.paths) else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Adds an item for each submission to what pytest collected."""
        for name, top in self.asked.paths:
            made: Any = AuditItem.from_parent(session, name=name, nodeid=f"inception::{name}", top=top, auditor=self)
            items.append(made)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Puts the rows on the report, by which xdist's workers hand them to the controller."""
        report = yield
        if call.when == "call" and ROWS in item.stash:
            report.inception = item.stash[ROWS]  # type: ignore[attr-defined]
            report.inception_stack = item.stash.get(STACK, {})  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the rows from a report; in the process that reports alone."""
        if self.is_worker:
            return
        name = report.nodeid.removeprefix("inception::")
        if rows := getattr(report, "inception", None):
            self._rows[name] = rows
            self._stacks[name] = getattr(report, "inception_stack", {})
        elif str(report.when) == "???" and report.nodeid.startswith("inception::"):
            self._rows[name] = [unfinished(name, "the worker that audited it crashed")]

    def rows(self) -> tuple[InceptionRow, ...]:
        """In the order the submissions were named in."""
        return tuple(InceptionRow.from_json(row) for name, _ in self.asked.paths for row in self._rows.get(name, ()))

    def pytest_isolation_contribution(self) -> Contribution:
        """The audits' part of the run's report: a section, and the boxes that running stacks were measured as."""
        return Contribution(
            section=reports.section(self.rows(), self.asked.language),
            boxes=tuple(map(BoxRow.from_json, self._of_stacks("boxes"))),
            guarantees=tuple(map(GuaranteeRow.from_json, self._of_stacks("guarantees"))),
            results=tuple(map(ResultRow.from_json, self._of_stacks("results"))),
            notes=tuple(self.notes()),
        )

    def _of_stacks(self, what: str) -> list[dict[str, Any]]:
        return [row for name, _ in self.asked.paths for row in self._stacks.get(name, {}).get(what, ())]

    def tell(self, says: str) -> None:
        """A line about what takes its time, where there is somebody to read it."""
        terminal: Any = self.config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and not self.is_worker:
            terminal.ensure_newline()
            terminal.write_line(f"{says} ...")

    def notes(self) -> list[str]:
        """Sentences for the foot of the report: that the table of releases is old."""
        told = stale_note(self.asked.asked.day)
        return [told] if told else []

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Writes the findings to the terminal, at most 120 columns wide."""
        if self.is_worker or not self._rows:
            return
        terminalreporter.section("inception")
        width, color = min(terminalreporter._tw.fullwidth, 120), terminalreporter._tw.hasmarkup
        notes = self.notes() + self._unwritten
        terminalreporter.write_line(findings.terminal(self.rows(), notes, width=width, color=color))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Reports, when no measuring session writes them with our rows in."""
        if self.is_worker or self.options.enabled or self.config.option.collectonly:
            return
        run = self._run(int(session.exitstatus))
        session.config.hook.pytest_isolation_report(config=session.config, run=run)
        self._unwritten = write_reports(run, self.options.reports)
        if self._unwritten and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _run(self, exit_status: int) -> Run:
        run = Run(
            tool=ToolFacts(version=version("pytest-isolation")),
            run=run_facts(secrets.token_hex(6), self._started, None, exit_status),
            host=host_facts(),
        )
        return run.with_contributions(self.config.hook.pytest_isolation_contribution(config=self.config))
