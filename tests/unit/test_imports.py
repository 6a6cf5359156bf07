"""The import contract has no exceptions: lint-imports checks the rest, in CI."""

from __future__ import annotations

import tomllib
from pathlib import Path

CONTRACTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_no_import_is_excepted() -> None:
    assert len(CONTRACTS["contracts"]) >= 3
    assert not [one["name"] for one in CONTRACTS["contracts"] if one.get("ignore_imports")]
    assert not CONTRACTS.get("exclude_type_checking_imports", False), "what only a type checker imports counts"
