"""The smallest sender that still moves a value: acts are left out, the last first, then done less often."""

from __future__ import annotations

from collections.abc import Callable

from pytest_isolation.suite.flow.grammar import Sender, smaller


def shrunk(sender: Sender, moves: Callable[[Sender], bool], *, most: int = 40) -> Sender:
    """`moves`: whether a sender still does; it is asked at most `most` times."""
    asked = 0
    while True:
        for one in smaller(sender):
            if asked >= most:
                return sender
            asked += 1
            if moves(one):
                sender = one
                break
        else:
            return sender
