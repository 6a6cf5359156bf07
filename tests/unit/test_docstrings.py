"""In technologies/, where ruff does not ask for D102, what has no docstring is a method that the protocol describes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest_isolation.technologies
from pytest_isolation.technologies.base import Technology

PLACE = Path(pytest_isolation.technologies.__file__).parent


def _methods(of: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for one in of.body:
        if isinstance(one, ast.ClassDef) and not one.name.startswith("_"):
            yield from ((one.name, method) for method in one.body if isinstance(method, ast.FunctionDef))


def _undescribed() -> Iterator[str]:
    for path in sorted(PLACE.rglob("*.py")):
        for name, method in _methods(ast.parse(path.read_text(encoding="utf-8"))):
            if not method.name.startswith("_") and ast.get_docstring(method) is None:
                described = getattr(getattr(Technology, method.name, None), "__doc__", None)
                if described is None:
                    yield f"{path.relative_to(PLACE)}:{method.lineno}: {name}.{method.name}"


def test_every_public_method_is_described() -> None:
    assert list(_undescribed()) == [], "give it a docstring of its own: it is no method of Technology"
