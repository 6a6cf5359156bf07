"""How long is waited for what may never come: a filter that drops a packet is silent, and so is a busy machine.

So silence is an answer only once it has lasted.  The first silence of a *way* (from one door of a box to one address)
is waited out; a way that was silent so long is taken at its word from then on, and later examples wait `SHORT_S`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.outside.keeping import kept

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pytest_isolation.boxes.box import RunningBox

LONG_S = 3.5
"""Of a connection: a SYN without an answer is sent again after one second, and after three (RFC 6298, 2.1 and 5.5)."""
LONG_DATAGRAM_S = 1.0
"""Of what is sent once and never again."""
SHORT_S = 0.1
"""What the kernel answers itself is there at once, on a machine that has time."""


class Patience:
    """What was silent, of one box."""

    def __init__(self, long: float = LONG_S) -> None:
        self.long = long
        self._silent: set[Hashable] = set()

    def seconds(self, way: Hashable, long: float | None = None) -> float:
        """How long to wait for an answer by this way; `long`: where it was never silent, if not as long as usual."""
        if way in self._silent:
            return SHORT_S
        return self.long if long is None else long

    def silent(self, way: Hashable) -> None:
        """Note that nothing came by it in all of seconds()."""
        self._silent.add(way)


def patience(box: RunningBox) -> Patience:
    """That of `box`, the same for all examples and all checks."""
    return kept(box, "patience", Patience)
