"""What a box of a technology can be asked to have, for the checks that ask: drawn limits, and texts."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_isolation.errors import Unsupported
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.limiting import limits_known
from pytest_isolation.technologies.wording import Unwritten, wording_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_isolation.boxes.process_limits import ProcessLimit
    from pytest_isolation.outside.box import Box
    from pytest_isolation.outside.process_limits import Steps


def sayable(box: Box, limit: str, ways: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Of `ways` to write `limit`, each with its number, those that the words of the box's technology can say.

    Raises Unsupported where it has none.
    """
    words = wording_of(technology(box.spec.technology))
    if limit not in words:
        raise Unsupported(f"{box.spec.technology} has no words for {limit}")
    found = []
    for text, number in ways:
        with suppress(Unwritten):
            words[limit](text)
            found.append((text, number))
    return found


def limits_for(box: Box, steps: Steps) -> tuple[ProcessLimit, ...]:
    """Limits to ask a box like `box` for.  Raises Unsupported where its technology has no words for any."""
    known = limits_known(technology(box.spec.technology))
    if not known:
        raise Unsupported(f"{box.spec.technology} cannot be asked for limits of its processes")
    return steps.limits(known)
