"""One box is started with all that several guarantees ask for; each reads its own part of it, once for each input.

A start is most of what such a guarantee costs.  A part that cannot be had with the others, or was not read there, is
started and read by itself: so what one part lacks, or breaks, is no answer to another.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, suppress
from typing import Any, Generic, TypeVar, cast

from pytest_isolation.errors import IsolationError
from pytest_isolation.outside.box import Box

KEPT = 8
"""Inputs of one box whose answers are kept, of up to 1 MiB each: what a guarantee with five examples draws."""

Wanted = TypeVar("Wanted", bound=Hashable)
Answer = TypeVar("Answer")
Start = Callable[[Box, Wanted], AbstractContextManager[Box]]
"""A box like the given one, with what is wanted; it has ended, or will, after the block."""


def once(box: Box, key: Hashable, ask: Callable[[], Answer]) -> Answer:
    """What `ask` answers, which is called once for each of the latest KEPT keys of a box and its door."""
    at = (box.spec.door, key)
    found = box.answers.pop(at, None)
    if found is None:
        found = (ask(),)
    box.answers[at] = found
    while len(box.answers) > KEPT:
        del box.answers[next(iter(box.answers))]
    return cast("Answer", found[0])


class Part(Generic[Wanted, Answer]):
    """What one guarantee wants of a box, and reads there.

    `start`: with this part alone.  `read`: raises IsolationError where the box does not show it.
    """

    def __init__(self, start: Start[Wanted], read: Callable[[Box, Wanted], Answer]) -> None:
        self.start, self.read = start, read


class Together(Generic[Wanted]):
    """Parts that one box can have at the same time; `start` gives it all of them."""

    def __init__(self, start: Start[Wanted], *parts: Part[Wanted, Any]) -> None:
        self._start, self._parts = start, parts

    def answer(self, part: Part[Wanted, Answer], box: Box, wanted: Wanted) -> Answer:
        """What `part` reads in a box like `box` that was started with what is wanted.

        Raises what its own start or reading raises: Unsupported, BoxError.
        """
        answers = once(box, (id(self), wanted), lambda: self._all(box, wanted))
        if part in answers:
            return cast("Answer", answers[part])
        with part.start(box, wanted) as fresh:
            return part.read(fresh, wanted)

    def _all(self, box: Box, wanted: Wanted) -> dict[Part[Wanted, Any], Any]:
        found: dict[Part[Wanted, Any], Any] = {}
        # What is missing is asked for by itself, and says why it cannot be had.
        with suppress(IsolationError, OSError), self._start(box, wanted) as fresh:
            for part in self._parts:
                with suppress(IsolationError, OSError):
                    found[part] = part.read(fresh, wanted)
        return found
