"""What a process has of its caller's by fork(2) and execve(2), and what of it is found in a box.

One caller has all of it at once: see together.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytest_isolation.boxes.attributes import ATTRIBUTES, Attribute
from pytest_isolation.boxes.caller import Caller
from pytest_isolation.outside.box import Box
from pytest_isolation.outside.together import Part, Start, Together

Habits = tuple[tuple[str, int], ...]
"""Of a caller: slugs of ATTRIBUTES, and numbers."""


def _started(which: Callable[[str], bool]) -> Start[Habits]:
    @contextmanager
    def start(box: Box, wanted: Habits) -> Iterator[Box]:
        habits = tuple((slug, value) for slug, value in wanted if which(slug))
        with box.fresh(awaited=False, caller=Caller(attributes=habits)) as fresh:
            yield fresh

    return start


def _part(one: Attribute) -> Part[Habits, int]:
    return Part(_started(one.slug.__eq__), lambda box, _: one.look(box.proc))


PARTS = {one.slug: _part(one) for one in ATTRIBUTES}
"""What the process started in the box has of it."""
HANDED_ON = Together(_started(lambda _: True), *PARTS.values())
