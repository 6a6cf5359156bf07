"""An audit's section of a report: for a terminal, and as the student's page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_isolation.inception.report import findings, html
from pytest_isolation.inception.report.messages import SOURCE
from pytest_isolation.report.run import Section

if TYPE_CHECKING:
    from pytest_isolation.inception.row import InceptionRow

KEY = "inception"
"""The section's key in the JSON report."""


def section(rows: Iterable[InceptionRow], language: str = SOURCE) -> Section:
    """The rows under `inception` of the JSON report, with the student's page; `language` is the HTML page's."""
    rows = tuple(rows)
    return Section(key=KEY, rows=tuple(row.to_json() for row in rows), page=tuple(findings.markdown(rows)), whole=True,
                   html=html.page(rows, language))  # fmt: skip
