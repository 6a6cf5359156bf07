"""The exact test by which a difference counts, without a dependency: a sum of binomial coefficients.

A *block* is two trials in an order drawn by chance: in one the sender acts, in the other it makes as many calls that
do nothing.  Where the sender changes nothing, which of the two a fixed rule takes for the acted one is a fair coin,
whatever else the machine does meanwhile.  A block in which the rule sees no difference counts against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, log2

ALPHA = 0.001
"""Chance of one false finding in a whole search, after the correction."""


def binomial_tail(hits: int, blocks: int) -> float:
    """The chance of `hits` or more of `blocks` fair coins.  Raises ValueError where there are more hits than blocks."""
    if not 0 <= hits <= blocks:
        raise ValueError(f"{hits} of {blocks} blocks: expected from 0 to {blocks}")
    ways: int = sum(comb(blocks, one) for one in range(hits, blocks + 1))
    return ways / float(2**blocks)


def holm(chances: Sequence[float], pairs: int) -> list[float]:
    """The chances corrected for all `pairs` that were tested, in their order (Holm 1979); the others count as 1.

    Raises ValueError where there are fewer pairs than chances.
    """
    if pairs < len(chances):
        raise ValueError(f"{len(chances)} chances of {pairs} pairs: expected at least as many pairs")
    found, least = [0.0] * len(chances), 0.0
    for rank, index in enumerate(sorted(range(len(chances)), key=lambda one: chances[one])):
        least = max(least, min(1.0, chances[index] * (pairs - rank)))
        found[index] = least
    return found


def least_hits(blocks: int, pairs: int, looks: int = 1, alpha: float = ALPHA) -> int | None:
    """The fewest hits of `blocks` that count with `pairs` tested, each looked at `looks` times; None: none does."""
    for hits in range(blocks + 1):
        if binomial_tail(hits, blocks) * pairs * looks < alpha:
            return hits
    return None


def channel(errors: int, bits: int) -> float:
    """Bits that each bit sent is worth over a binary symmetric channel with this error rate (Shannon 1948)."""
    rate = min(errors, bits - errors) / bits
    return 1.0 if rate == 0 else 1 + rate * log2(rate) + (1 - rate) * log2(1 - rate)
