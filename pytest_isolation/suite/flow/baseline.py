"""What a value does by itself: learned from what a receiver reads again and again while no sender acts.

A value has a *place* in what was read: what its line begins with, which line with that beginning, which word of the
line.  So one number that ticks in a file hides none of its other numbers, and none is passed over for ever: a number
that moves by itself counts where it moves further than it ever did.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, pstdev
from typing import TypeAlias

Where: TypeAlias = "tuple[bytes, int, int]"
Value: TypeAlias = "int | bytes"

LINES = 600
"""Of one answer."""
LEAST = 4
"""Looks before anything is told of a value."""
STEADY = 0.3
"""Of a clock: how far the steps by the second may be from their mean, as a part of it."""
WORD = re.compile(rb"[^\s:=,()\[\]]+")
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
WHOLE: Where = (b"", -1, 0)
"""The place of the number of lines."""


class Kind(StrEnum):
    """What a value does by itself."""

    CONSTANT = "constant"
    COUNTER = "counter"
    RANDOM = "random"
    TIME = "time-like"


def values(data: bytes) -> dict[Where, Value]:
    """Every word of an answer by its place; numbers as numbers, a decimal one without its point."""
    found: dict[Where, Value] = {}
    lines: dict[bytes, int] = {}
    rows = data.splitlines()
    found[WHOLE] = len(rows)
    for row in rows[:LINES]:
        words = WORD.findall(row)
        if not words:
            continue
        label = b"" if words[0][:1].isdigit() else words[0]
        lines[label] = at = lines.get(label, -1) + 1
        for index, word in enumerate(words):
            number = NUMBER.fullmatch(word)
            found[label, at, index] = int(word.replace(b".", b"")) if number else word
    return found


def kind_of(seen: Sequence[tuple[float, Value]]) -> Kind:
    """Of looks at one value: (seconds, value), in order."""
    told = [value for _, value in seen]
    if len(set(told)) <= 1:
        return Kind.CONSTANT
    numbers = [value for value in told if isinstance(value, int)]
    steps = [after - before for before, after in pairwise(numbers)]
    if len(numbers) < len(told) or not (all(step >= 0 for step in steps) or all(step <= 0 for step in steps)):
        return Kind.RANDOM
    rates = [step / (t2 - t1) for step, ((t1, _), (t2, _)) in zip(steps, pairwise(seen), strict=True) if t2 > t1]
    if len(rates) >= LEAST - 1 and all(rates) and pstdev(rates) <= STEADY * abs(fmean(rates)):
        return Kind.TIME
    return Kind.COUNTER


@dataclass(slots=True)
class Noise:
    """How far a value went by itself, from look to look."""

    low: int = 0
    high: int = 0
    changes: bool = False
    """It was another word, came, or went."""
    seen: list[tuple[float, Value]] = field(default_factory=list)

    def learn(self, before: Value | None, after: Value | None) -> None:
        """What a look without any act saw of the value."""
        if isinstance(before, int) and isinstance(after, int):
            self.low, self.high = min(self.low, after - before), max(self.high, after - before)
        elif before != after:
            self.changes = True

    def odd(self, before: Value | None, after: Value | None) -> float:
        """How much further it went than ever by itself, 0: not further; of a word that never changed, 1."""
        if isinstance(before, int) and isinstance(after, int):
            step, room = after - before, (self.high - self.low) / 2
            beyond = max(step - self.high, self.low - step)
            return beyond / (1 + room) if beyond > room else 0.0
        return float(before != after and not self.changes)


class Baseline:
    """Of all receivers of a side, by their number."""

    KEPT = 24
    """Looks at a value that are kept."""

    def __init__(self) -> None:
        self._noise: dict[int, dict[Where, Noise]] = {}
        self.looks = 0

    def learn(self, number: int, before: bytes, after: bytes, now: float) -> None:
        """A receiver read `before`, then `after`, and nobody acted."""
        noise = self._noise.setdefault(number, {})
        one, two = values(before), values(after)
        for where in {**one, **two}:
            if one.get(where) != two.get(where):
                known = noise.setdefault(where, Noise())
                known.learn(one.get(where), two.get(where))
                if where in two and len(known.seen) < self.KEPT:
                    known.seen.append((now, two[where]))

    def odd(self, number: int, before: bytes, after: bytes) -> list[tuple[bool, float, Where]]:
        """What went further than it ever did by itself: whether it never moved by itself, how far, and its place.

        What never moved comes first, and then the furthest.
        """
        noise = self._noise.get(number, {})
        one, two = values(before), values(after)
        found = []
        for where in {**one, **two}:
            if one.get(where) != two.get(where):
                far = noise.get(where, Noise()).odd(one.get(where), two.get(where))
                if far:
                    found.append((where not in noise, far, where))
        return sorted(found, key=lambda one: (not one[0], -one[1]))

    def kind(self, number: int, where: Where) -> Kind:
        """What the value does by itself, as far as it was seen."""
        known = self._noise.get(number, {}).get(where)
        if known is None:
            return Kind.CONSTANT
        return Kind.RANDOM if known.changes or len(known.seen) < 2 else _moving(known.seen)


def _moving(seen: Sequence[tuple[float, Value]]) -> Kind:
    kind = kind_of(seen)
    return Kind.RANDOM if kind is Kind.CONSTANT else kind
