"""docs/api.md lists what is public: it agrees with `__all__`, and each public definition has a docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
SECTIONS = dict(re.findall(r"^### `([\w.]+)`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
"""Module -> its part of the page."""


def listed(section: str) -> list[str]:
    """The names in the first column of the table."""
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


@pytest.mark.parametrize("module", SECTIONS)
def test_the_page_lists_what_is_public(module: str) -> None:
    names = listed(SECTIONS[module])
    assert sorted(names) == sorted(import_module(module).__all__), f"let docs/api.md and {module}.__all__ agree"
    assert len(names) == len(set(names))


def test_each_public_name_is_there() -> None:
    for module in SECTIONS:
        found = import_module(module)
        assert [name for name in found.__all__ if not hasattr(found, name)] == []
    assert len(SECTIONS) > 8


def without_docstring(found: object, name: str) -> Iterator[str]:
    """The definition and its public members that say nothing of themselves.

    A dataclass that says nothing has a docstring of its arguments, and a module is looked at by its own section.
    """
    if isinstance(found, ModuleType) or not (inspect.isclass(found) or inspect.isfunction(found)):
        return
    said = (vars(found).get("__doc__") if inspect.isclass(found) else found.__doc__) or ""
    if not said.strip() or said.startswith(f"{found.__name__}("):
        yield name
    for key, value in vars(found).items() if inspect.isclass(found) else ():
        member: Any = getattr(value, "__func__", value)
        member = member.fget if isinstance(member, property) else member
        member = member.func if isinstance(member, cached_property) else member
        if not key.startswith("_") and inspect.isfunction(member) and not (member.__doc__ or "").strip():
            yield f"{name}.{key}"


@pytest.mark.parametrize("module", SECTIONS)
def test_each_public_definition_has_a_docstring(module: str) -> None:
    found = import_module(module)
    lacking = [one for name in found.__all__ for one in without_docstring(getattr(found, name), name)]
    assert lacking == [], "say what it is, with units, and what it raises"


def test_one_without_a_docstring_is_seen() -> None:
    class Silent:
        def method(self) -> None: ...

        @property
        def value(self) -> int:
            """One."""
            return 1

    assert list(without_docstring(Silent, "Silent")) == ["Silent", "Silent.method"]
