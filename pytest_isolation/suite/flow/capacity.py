"""How many bits a second a sender and a receiver built from a pair really move: a figure, and no verdict."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_isolation.suite.flow.differ import Rule, trial
from pytest_isolation.suite.flow.grammar import Sender
from pytest_isolation.suite.flow.run import Actor, Watcher
from pytest_isolation.suite.flow.statistics import channel

LEARNED = 16
"""Bits that both sides know, from which the receiver learns where to cut."""
SENT = 64


@dataclass(frozen=True, slots=True)
class Capacity:
    """Of one pair, between these two boxes, on this machine."""

    bits: int
    errors: int
    seconds: float

    @property
    def error_rate(self) -> float:
        """Of the bits that were sent, those that were read wrong."""
        return self.errors / self.bits

    @property
    def bits_per_second(self) -> float:
        """What is left of them after what their errors cost (a binary symmetric channel)."""
        return self.bits / self.seconds * channel(self.errors, self.bits) if self.errors * 2 < self.bits else 0.0


def measured(
    actor: Actor, watcher: Watcher, sender: Sender, number: int, rule: Rule, chance: random.Random, *, sent: int = SENT
) -> Capacity:
    """Random bits: one is a sender that acts, none is one that pretends."""

    def send(bits: Sequence[bool]) -> list[float]:
        return [
            rule.score(done.before, done.after)
            for bit in bits
            for done in trial(actor, watcher, sender, (number,), acts=bit)
        ]

    known = [one % 2 == 0 for one in range(LEARNED)]
    cut = threshold(send(known), known)
    bits = [chance.random() < 0.5 for _ in range(sent)]
    began = time.monotonic()
    read = [score > cut for score in send(bits)]
    seconds = time.monotonic() - began
    return Capacity(sent, sum(one != two for one, two in zip(bits, read, strict=True)), seconds)


def threshold(scores: Sequence[float], bits: Sequence[bool]) -> float:
    """Above it a score is read as one: where the known bits are read with the fewest errors."""
    cuts = sorted(set(scores))
    between = [(one + two) / 2 for one, two in pairwise(cuts)] or [cuts[0]]
    return min(between, key=lambda cut: sum((score > cut) != bit for score, bit in zip(scores, bits, strict=True)))
