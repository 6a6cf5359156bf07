"""What a box of a technology can be asked to have, for the checks that ask: drawn limits, and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.errors import Unsupported
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.limiting import limits_known
from pytest_isolation.technologies.wording import Unwritten, wording_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_isolation.boxes.process_limits import ProcessLimit
    from pytest_isolation.outside.box import Box
    from pytest_isolation.outside.limits.process_limits import Steps


def sayable(box: Box, limit: str, ways: Callable[[], Sequence[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Of `ways` to write `limit`, each with what it means, those that the words of the box's technology can say.

    Never empty.  Raises Unsupported where it has no words, or they can say none of these.
    """
    words = wording_of(technology(box.spec.technology))
    if limit not in words:
        raise Unsupported(f"{box.spec.technology} has no words for {limit}")
    found, why = [], ""
    for text, meant in ways():
        try:
            words[limit](text)
            found.append((text, meant))
        except Unwritten as error:
            why = error.reason
    if not found:
        raise Unsupported(f"{box.spec.technology} can write {limit} in none of the ways: {why}")
    return found


def limits_for(box: Box, steps: Steps) -> tuple[ProcessLimit, ...]:
    """Limits to ask a box like `box` for.  Raises Unsupported where its technology has no words for any."""
    known = limits_known(technology(box.spec.technology))
    if not known:
        raise Unsupported(f"{box.spec.technology} cannot be asked for limits of its processes")
    return steps.limits(known)
