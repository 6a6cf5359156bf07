"""An audit's section of a report: for a terminal, and as the student's page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_isolation.inception.report import findings
from pytest_isolation.report.run import Section

if TYPE_CHECKING:
    from pytest_isolation.inception.row import InceptionRow

KEY = "inception"
"""The section's key in the JSON report."""


def section(rows: Iterable[InceptionRow]) -> Section:
    """The rows under `inception` of the JSON report, with the student's page for the Markdown report."""
    rows = tuple(rows)
    return Section(key=KEY, rows=tuple(row.to_json() for row in rows), page=tuple(findings.markdown(rows)), whole=True)
