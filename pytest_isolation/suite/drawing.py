"""Things that Hypothesis draws once, for whoever wants a list of them and no test."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")


def drawn(strategy: SearchStrategy[T], count: int, start: int) -> list[T]:
    """At most `count` different ones, the same for the same `start`, which is any whole number."""
    found: dict[T, None] = {}

    @seed(start)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(one: T) -> None:
        found[one] = None

    keep()
    return list(found)
