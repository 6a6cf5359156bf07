"""What pytest does with reports: over the wire of xdist they carry rows, and the terminal shows them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_isolation.suite.items import LETTERS
from pytest_isolation.suite.messages import Told, arrived, carried, tell, told_by

if TYPE_CHECKING:
    from pytest_isolation.suite.session import Session


class Reports:
    """These hooks of a session, registered beside it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._has_told = False
        """What this worker is going to measure."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(
        self, report: object
    ) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
        """What a report carries goes over the wire of xdist; the first has what this worker is going to measure.

        A run that is interrupted, or killed, hears of no worker's end.
        """
        if self._session.is_worker and not self._has_told and isinstance(report, pytest.TestReport):
            self._has_told = True
            tell(report, replace(told_by(report) or Told(), plan=self._session.gatherer.plan_of_this_process()))
        data = yield
        return carried(data) if data is not None else None

    @pytest.hookimpl(wrapper=True)
    def pytest_report_from_serializable(self) -> Generator[None, object, object]:
        """The other end of that wire."""
        report = yield
        if isinstance(report, pytest.TestReport):
            arrived(report)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what a report carries."""
        if not self._session.is_worker:
            self._session.gatherer.add(report)
            if report.when == "call" and (told := told_by(report)) is not None and told.row is not None:
                self._session.progress.heard(self._session.gatherer.heard(report, told.row))

    def pytest_report_header(self) -> list[str] | None:
        """The boxes, and why some are missing."""
        return None if self._session.is_worker else self._session.gatherer.header()

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """A letter and a word for each verdict, as for pytest's own outcomes."""
        told = told_by(report)
        if told is None or told.row is None or report.when != "call":
            return None
        verdict = told.row.verdict
        category = "xfailed" if hasattr(report, "wasxfail") and report.skipped else report.outcome
        return category, LETTERS[verdict] if category != "xfailed" else "v", verdict.upper()

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The report for terminals, after pytest's."""
        if not self._session.is_worker and not self._session.only_collects:
            self._session.gatherer.summarise(terminalreporter)
