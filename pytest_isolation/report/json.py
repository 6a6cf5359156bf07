"""The run as JSON: the report for programs (schema.json)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.report.run import Run


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """`width` and `color` mean nothing here; every renderer takes them."""
    return json.dumps(run.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
