"""No module of the package is longer than can be read at one sitting: it then holds two things."""

from __future__ import annotations

from pathlib import Path

import pytest_isolation

MOST = 500
"""Lines."""


def test_no_module_is_longer() -> None:
    top = Path(pytest_isolation.__file__).parent
    lengths = {str(path.relative_to(top)): len(path.read_text().splitlines()) for path in top.rglob("*.py")}
    assert len(lengths) > 100, f"only {len(lengths)} modules were found in {top}"
    assert {path: length for path, length in lengths.items() if length > MOST} == {}, (
        "split it where it holds two things"
    )
