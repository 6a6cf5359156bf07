"""Whether two runs would measure a guarantee by the same code."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.guarantees.guarantee import Guarantee

NOT_MEASURING = ("report", "inception", "checks", "__pycache__")
"""Directories of the package that no verdict comes from; of a check, its own file counts."""


@cache
def check_digest(promise: Guarantee) -> str:
    """16 hexadecimal digits of what decides a guarantee: its check's file, this package's code, Hypothesis' version.

    "" where the file cannot be read.
    """
    if not (own := _file(promise.file)):
        return ""
    return hashlib.sha256(f"{_code()} {own} {_generator()}".encode()).hexdigest()[:16]


@cache
def _generator() -> str:
    """Hypothesis' version, which its metadata say: a file of them is read and parsed for it."""
    return version("hypothesis")


@cache
def _file(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:  # of a test that was made while pytest ran
        return ""


@cache
def _code() -> str:
    """Of the package: what runs checks, starts boxes and looks at them, the agent included."""
    top = Path(__file__).parents[1]
    made = hashlib.sha256()
    for path in sorted(path for path in top.rglob("*") if path.is_file()):
        inside = path.relative_to(top)
        if not set(inside.parts) & set(NOT_MEASURING) and path.suffix != ".pyc":
            made.update(f"{inside}\0".encode() + path.read_bytes() + b"\0")
    return made.hexdigest()
