"""Which sets of holes break a guarantee that holds: single holes first, then the fewest that do so together.

A hole only takes away: a set that contains one that breaks a guarantee breaks it, too, and is not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TypeAlias

from pytest_isolation.boxes.weakenings import Weakening, Weakenings
from pytest_isolation.suite.weakened import Answers

Question: TypeAlias = "tuple[Weakenings, Sequence[str]]"
"""Holes that are opened together, and the guarantees that are asked for in such a box."""
Ask: TypeAlias = "Callable[[Sequence[Question]], Iterable[tuple[Weakenings, Answers]]]"
"""Asks several boxes, in any order; those that there was no time for are left out."""

STRONGEST = {2: 8, 3: 5}
"""Of the holes that broke most by themselves, so many are opened in pairs, and so many by threes."""
TOGETHER = 3
"""So many of a kind in GROUPED or more are first opened all at once: what holds then holds with each of them."""
GROUPED = ("grant", "hand-in")
FIRST = 3
"""Of those holes, so many are opened for what no other box was asked about."""
MOST = 4
"""Holes of a falsifier that is taken apart; none has more."""


@dataclass(slots=True)
class Found:
    """Filled as soon as something is known: a search may be cut short."""

    breakers: dict[str, list[Weakenings]] = field(default_factory=dict)
    """Guarantee -> the smallest sets that broke it: all of one size."""
    answered: dict[str, set[Weakenings]] = field(default_factory=dict)
    """Guarantee -> what was open in the boxes that gave an answer."""
    opened: list[Weakening] = field(default_factory=list)
    """Holes that were opened by themselves."""
    refused: dict[Weakening, str] = field(default_factory=dict)
    """Why no box with this hole could be asked."""
    together: dict[int, int] = field(default_factory=dict)
    """Number of holes that were opened together -> boxes."""
    cut_short: bool = False

    def asked(self, id: str) -> int:
        """Boxes that gave an answer about a guarantee."""
        return len(self.answered.get(id, ()))


def search(
    holes: Collection[Weakening],
    falsifiers: Mapping[str, Weakenings],
    ask: Ask,
    *,
    concerns: Callable[[Weakenings, str], bool] = lambda holes, id: True,
    found: Found | None = None,
) -> Found:
    """`falsifiers`: each guarantee that holds, and the holes that are said to break it.

    `concerns`: whether it is worth while to ask a guarantee in a box with these holes.  `found` is filled as soon as
    something is known.
    """
    found = Found() if found is None else found
    groups = [frozenset(hole for hole in holes if hole.kind == kind) for kind in GROUPED]
    spared: dict[Weakening, set[str]] = {}
    for group in groups:
        held = _spared(group, falsifiers, ask, concerns, found) if len(group) >= TOGETHER else set()
        spared |= dict.fromkeys(group if held else (), held)
    singles = {hole: [id for id in falsifiers if id not in spared.get(hole, ())] for hole in _by_use(holes, falsifiers)}
    asked = _asked([(frozenset({hole}), ids) for hole, ids in singles.items()], ask, concerns, found)
    for these, answers in asked.items():
        (hole,) = these
        if isinstance(answers, str):
            found.refused[hole] = answers
        elif answers:
            found.opened.append(hole)
    found.opened += sorted(spared.keys() - {*found.opened, *found.refused})
    single = _power(found, falsifiers)
    _take_apart(falsifiers, ask, found)
    for size, number in STRONGEST.items():
        left = _left(falsifiers, found)
        _together([(frozenset(some), left) for some in combinations(single[:number], size)], ask, concerns, found)
    alone = [id for id in falsifiers if not found.asked(id)]
    _asked([(frozenset({hole}), alone) for hole in single[:FIRST]], ask, lambda these, id: True, found)
    _take_smaller(spared, ask, found)
    return found


def _asked(
    questions: Sequence[Question], ask: Ask, concerns: Callable[[Weakenings, str], bool], found: Found
) -> dict[Weakenings, Answers]:
    """The answers, which `found` then has as well; nobody is asked what concerns nobody, or once more."""
    wanted = [
        (these, [id for id in ids if concerns(these, id) and these not in found.answered.get(id, ())])
        for these, ids in questions
    ]
    wanted = [(these, ids) for these, ids in wanted if ids]
    told: dict[Weakenings, Answers] = {}
    for these, answers in ask(wanted):
        told[these] = answers
        if not isinstance(answers, str):
            for id, broken in answers.items():
                found.answered.setdefault(id, set()).add(these)
                if broken:
                    found.breakers.setdefault(id, []).append(these)
    found.cut_short = found.cut_short or len(told) < len(wanted)
    return told


def _spared(
    group: Weakenings,
    falsifiers: Mapping[str, Weakenings],
    ask: Ask,
    concerns: Callable[[Weakenings, str], bool],
    found: Found,
) -> set[str]:
    """What holds with all of a group at once, and so with each of them."""
    answers = _asked([(group, list(falsifiers))], ask, concerns, found).get(group, {})
    found.breakers.clear()  # which of them it was is asked next
    return set() if isinstance(answers, str) else {id for id, broken in answers.items() if not broken}


def _together(
    questions: Sequence[Question], ask: Ask, concerns: Callable[[Weakenings, str], bool], found: Found
) -> None:
    for these, answers in _asked(questions, ask, concerns, found).items():
        if answers and not isinstance(answers, str):
            found.together[len(these)] = found.together.get(len(these), 0) + 1


def _by_use(holes: Collection[Weakening], falsifiers: Mapping[str, Weakenings]) -> list[Weakening]:
    """Those first that are the falsifier of most: where the time is short, they have been tried."""
    return sorted(holes, key=lambda hole: (-sum(hole in one for one in falsifiers.values()), str(hole)))


def _left(falsifiers: Mapping[str, Weakenings], found: Found) -> list[str]:
    return [id for id in falsifiers if id not in found.breakers]


def _power(found: Found, falsifiers: Mapping[str, Weakenings]) -> list[Weakening]:
    """Holes that broke something by themselves.

    Those first that broke most of what they are not known to break: a hole that is made for one family of guarantees
    breaks these, however many they are, and tells nothing of others.
    """
    broke: dict[Weakening, tuple[int, int]] = {}
    for hole in found.opened:
        its = [id for id, sets in found.breakers.items() if frozenset({hole}) in sets]
        broke[hole] = (sum(hole not in falsifiers[id] for id in its), len(its))
    return [
        hole for hole in sorted(broke, key=lambda one: (*(-many for many in broke[one]), str(one))) if broke[hole][1]
    ]


def _take_apart(falsifiers: Mapping[str, Weakenings], ask: Ask, found: Found) -> None:
    """The smallest parts of falsifiers of several holes that break their guarantees together.

    All of one size at once: many guarantees have a part in common, and one box then serves them all.
    """
    known = {*found.opened, *found.refused}
    for size in range(2, MOST + 1):
        parts: dict[Weakenings, list[str]] = {}
        for id in _left(falsifiers, found):
            if size <= len(falsifiers[id]) <= MOST and falsifiers[id] <= known:
                for some in combinations(sorted(falsifiers[id]), size):
                    parts.setdefault(frozenset(some), []).append(id)
        _together(list(parts.items()), ask, lambda these, id: True, found)


def _take_smaller(spared: Mapping[Weakening, set[str]], ask: Ask, found: Found) -> None:
    """Of sets that broke something, the parts that gave no answer are asked once more: one may be enough.

    A box on a busy machine may tell nothing of a guarantee, and what a second hole then finds looks like two layers.
    """
    wanted: dict[Weakenings, dict[str, None]] = {}
    for id, sets in found.breakers.items():
        for whole in sets:
            for size in range(1, len(whole)):
                for part in map(frozenset, combinations(sorted(whole), size)):
                    held = part in found.answered[id] or all(id in spared.get(hole, ()) for hole in part)
                    if not held:
                        wanted.setdefault(part, {})[id] = None
    _asked([(part, list(ids)) for part, ids in wanted.items()], ask, lambda these, id: True, found)
    for id, sets in found.breakers.items():
        least = min(map(len, sets))
        found.breakers[id] = [one for one in sets if len(one) == least]
