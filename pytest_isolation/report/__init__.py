"""The report: one model of a run, and one pure renderer a format."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_isolation.report.run import Run

FORMATS = {
    "json": "pytest_isolation.report.json",
    "md": "pytest_isolation.report.markdown",
    "html": "pytest_isolation.report.html",
    "sarif": "pytest_isolation.report.sarif",
    "github": "pytest_isolation.report.github",
    "gitlab": "pytest_isolation.report.gitlab",
    "badge": "pytest_isolation.report.badge",
    "svg": "pytest_isolation.report.svg",
}
"""What --isolation-report writes; each module has `render(run, *, width=100, color=False) -> str`."""


def renderer(format: str) -> Callable[[Run], str]:
    """The renderer of a format in FORMATS; imported when asked for."""
    render: Callable[[Run], str] = import_module(FORMATS[format]).render
    return render
