"""A JSON report that lies somewhere, as a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_isolation.errors import UsageError
from pytest_isolation.report.run import Run

if TYPE_CHECKING:
    from pathlib import Path


def report(path: Path) -> Run:
    """Raises UsageError, one sentence, for what is no report."""
    expected = "expected a JSON report, as --isolation-report json:FILE writes it"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}; {expected}") from None
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path}: is no JSON: {error}; {expected}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path}: holds {type(document).__name__}; {expected}")
    try:
        return Run.from_json(document)
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration) as error:
        raise UsageError(f"{path}: {error}; {expected}") from None
