"""What each hole takes away: the same table as holes.py, asked the other way round, and checked when it is loaded."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.weakenings import spoken
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import holes

if TYPE_CHECKING:
    from collections.abc import Mapping

NEEDED = ("defence", "cause", "do", "source")
"""What is said of each hole."""


@cache
def by_hole() -> Mapping[str, str]:
    """Name of a hole -> the defence it takes away.  Raises UsageError for a table that is wrong."""
    return checked(holes.table()["hole"])


@cache
def names() -> tuple[str, ...]:
    """Each defence once, in the order of the table."""
    return tuple(dict.fromkeys(by_hole().values()))


def checked(entries: Mapping[str, Mapping[str, Any]]) -> Mapping[str, str]:
    """As `by_hole`, of these entries.

    Raises UsageError for a name that no hole has, and for a hole of which something is not said.
    """
    known = spoken()
    for name, entry in entries.items():
        if name not in known and not name.startswith("expose-"):  # whose names are paths, without end
            raise UsageError(f"holes.toml: [hole.{name}]: no hole is called so; {choice(name, known)}")
        for key in NEEDED:
            if not entry.get(key):
                raise UsageError(f"holes.toml: [hole.{name}] has no {key}; expected each of {', '.join(NEEDED)}")
    return {name: str(entry["defence"]) for name, entry in entries.items()}
