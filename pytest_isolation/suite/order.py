"""In which order cells are measured: box by box, and in each what is measured alone first, then what takes long."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_isolation.guarantees.domains import domains
from pytest_isolation.suite.plan import cell_of, promise_of

LONG = ("port.limit-", "port.road-", "life.", "cg.cpu.", "port.", "dev.nodes-closed", "net.publish-only-bound-ip")
"""How the ids of guarantees begin that take seconds each, or are measured one after the other by one process, and so
do: those that took longest first.  They come first of their box, but for what is measured alone.

Everybody begins with them; at the end everybody would wait for whoever was at one.  Those that wait for windows need no
machine of their own: beside others a box is charged less processor time, never more, and one without a limit passes a
quota of a fifth on a busy machine as well.
"""


def is_alone(item: pytest.Item) -> bool:
    """Whether the cell of an item is measured while no other process of the run measures: its domain's record says so.

    They come first of their box: of the first box, before helpers have begun anything that would have to be waited for.
    """
    promise = promise_of(item)
    domain = domains().get(promise.domain) if promise is not None else None
    return domain is not None and domain.alone


def is_long(item: pytest.Item) -> bool:
    """Whether the cell of an item is one of LONG."""
    return rank(item) < len(LONG)


def rank(item: pytest.Item) -> int:
    """Of the cell of an item: its place in LONG; behind them all where it is quick, or there is none."""
    promise = promise_of(item)
    places = (place for place, begin in enumerate(LONG) if promise is not None and promise.id.startswith(begin))
    return next(places, len(LONG))


def place_of(item: pytest.Item, boxes: Sequence[str]) -> tuple[int, int, bool, bool, int, str, str]:
    """What items are sorted by; `boxes`: the names of all.

    Box by box, door by door, and there what is measured alone, what takes long, and then the checks that share a spec
    together; of those, the ones whose controls share a box.  Then pairs, then other tests.
    """
    cell = cell_of(item)
    if cell is None:
        return 2, 0, False, False, 0, "", ""
    promise = promise_of(item)
    changes = repr(sorted((promise.box if promise else {}).items())) + cell.spec.id
    control = repr((sorted(map(str, promise.falsified_by)), promise.control_box)) if promise else ""
    where = int(cell.sibling is not None), boxes.index(cell.spec.name)
    return *where, cell.again, not is_alone(item), rank(item), changes, control
