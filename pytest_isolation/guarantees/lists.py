"""The short lists among what a check draws: each is tried whole, however few examples were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

SHORT = 32
"""So many inputs at most; of more, each list by itself is tried whole, and not every pair."""


def lists(given: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Those of the drawn arguments that are sampled from a short list, with all that is in it."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, strategy in given.items():
        inner = getattr(strategy, "wrapped_strategy", strategy)
        elements: Sequence[Any] = (False, True) if repr(strategy) == "booleans()" else getattr(inner, "elements", ())
        # What is mapped or filtered is another list than `elements`.
        if not getattr(inner, "_transformations", ()) and 0 < len(elements) <= SHORT:
            found[name] = tuple(elements)
    return found


def number(given: Mapping[str, Any], asked: int) -> int:
    """How many examples to ask for: one more than all the inputs there are, where those are few."""
    found = lists(given)
    every = prod(len(elements) for elements in found.values())
    return max(asked, every + 1) if len(found) == len(given) and every <= SHORT else asked


def left_out(found: Mapping[str, tuple[Any, ...]], seen: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the examples in `seen` have not had of the lists, as values for their arguments."""
    if prod(len(elements) for elements in found.values()) <= SHORT:
        every = (dict(zip(found, row, strict=True)) for row in product(*found.values()))
        tried = [{name: one[name] for name in found} for one in seen]
        return [row for row in every if row not in tried]
    missing = {
        name: [one for one in elements if all(one != had[name] for had in seen)] for name, elements in found.items()
    }
    rows = max(map(len, missing.values()))
    # Those of which nothing is missing take what they have in turn.
    taken = {name: missing[name] or elements for name, elements in found.items()}
    return [{name: elements[row % len(elements)] for name, elements in taken.items()} for row in range(rows)]
