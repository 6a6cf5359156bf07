"""Ids of guarantees as they were called before: renamed.toml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import data


@cache
def table() -> Mapping[str, str]:
    """An earlier id -> today's, whatever it was called between.  Raises UsageError for a circle."""
    found = data.read(".", "renamed") or {}
    return followed(found.get("renamed", {}))


def followed(steps: Mapping[str, str]) -> dict[str, str]:
    """Each id of `steps` -> the last that it leads to.  Raises UsageError for a circle."""
    last = {}
    for first in steps:
        id, passed = first, [first]
        while id in steps:
            id = steps[id]
            if id in passed:
                raise UsageError(f"renamed.toml: {' -> '.join((*passed, id))} is a circle; expected an id of today's")
            passed.append(id)
        last[first] = id
    return last


def current(id: str, known: Mapping[str, str] | None = None) -> str:
    """What the guarantee `id` is called today.  `known`: instead of the committed table."""
    return (table() if known is None else known).get(id, id)
