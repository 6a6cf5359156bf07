"""What is made once for a box, for all examples and guarantees that ask for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pytest_isolation.boxes.box import RunningBox

T = TypeVar("T")


def kept(box: RunningBox, key: str, make: Callable[[], T]) -> T:
    """What `make` gave when the box, through whichever door, was first asked for `key`.

    Closed with the box, where it has a close().  Nothing is kept of a `make` that raises.
    """
    if key not in box.witnesses:
        box.witnesses[key] = make()
    found: T = box.witnesses[key]
    return found
