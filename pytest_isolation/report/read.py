"""A JSON report that lies somewhere, as a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pytest_isolation.errors import UsageError
from pytest_isolation.report.rows import check
from pytest_isolation.report.run import HostFacts, Run, check_schema

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
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is no JSON: {error}; {expected}") from None
    if not isinstance(document, dict):
        raise UsageError(f"{path}: holds {type(document).__name__}; {expected}")
    try:
        check_schema(document)
        check(Run, document)
        _check_open(document)
        found = Run.from_json(document)
        _check_names(found)
    except ValueError as error:
        raise UsageError(f"{path}: {error}; {expected}") from None
    return found


def _check_open(document: Mapping[str, Any]) -> None:
    """Raises ValueError for what a renderer looks into where a field may hold anything, or a plugin its own rows."""
    for number, box in enumerate(document.get("boxes", ())):
        where = f"boxes[{number}].spec"
        check(tuple[str, ...], box["spec"].get("weakenings", []), f"{where}.weakenings")
        check(Mapping[str, Any] | None, box["spec"].get("facts"), f"{where}.facts")
    for number, host in enumerate(document.get("hosts", ())):
        if host.get("facts"):  # of a machine that was lost before it told, none
            check(HostFacts, host["facts"], f"hosts[{number}].facts")
    own = {one.name for one in fields(Run)}
    for key, rows in document.items():
        if key not in own and isinstance(rows, list):
            check(tuple[Mapping[str, Any], ...], rows, key)


def _check_names(run: Run) -> None:
    """Raises ValueError for a row of a box, or of a guarantee, that the report does not have."""
    boxes, guarantees = {box.name for box in run.boxes}, {row.id for row in run.guarantees}
    for number, row in enumerate(run.results):
        for key, name, known in (("box", row.box, boxes), ("guarantee", row.guarantee, guarantees)):
            if name not in known:
                raise ValueError(f"results[{number}].{key} is {name!r}, which is not among the report's own")
