"""What a box of a technology can be asked to have, for the checks that ask: drawn limits of its processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.errors import Unsupported
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.limiting import limits_known

if TYPE_CHECKING:
    from pytest_isolation.boxes.process_limits import ProcessLimit
    from pytest_isolation.outside.box import Box
    from pytest_isolation.outside.process_limits import Steps


def limits_for(box: Box, steps: Steps) -> tuple[ProcessLimit, ...]:
    """Limits to ask a box like `box` for.  Raises Unsupported where its technology has no words for any."""
    known = limits_known(technology(box.spec.technology))
    if not known:
        raise Unsupported(f"{box.spec.technology} cannot be asked for limits of its processes")
    return steps.limits(known)
