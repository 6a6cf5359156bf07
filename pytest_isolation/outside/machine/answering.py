"""What of its machine answers in a box: a number that goes up and down by what a witness takes and gives back."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.errors import Undecided
from pytest_isolation.outside.machine.leaks import (
    Place,
    Shown,
    called,
    changed,
    looked_at,
    machine_of,
    need_one_of,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

CONFIRMED, MOST_LOOKS = 2, 6
"""In how many looks at a machine a file has to answer to be asked, and how often it is looked for one."""
ROUNDS = 4
"""How often a witness takes and gives back until it is decided whether the box sees it."""
ABOUT = 0.5
"""By so much of the amount a number may be off for its file to be asked: what answers is found out with each amount."""


@dataclass(frozen=True, slots=True)
class Count:
    """Something of which a witness takes some and gives it back, and which the machine counts."""

    slug: str
    what: str
    """As a noun: "the processes"."""
    does: str
    """What a box that learns of it does: "counts the machine's processes"."""
    taken: Callable[[Box, int], AbstractContextManager[None]]
    least: int
    most: int
    within: float
    """Of the amount: others take and give back as well."""
    units: tuple[int, ...] = (1,)
    """Numbers that one of them may be counted as."""
    sources: tuple[str, ...] = ("man:proc(5)",)


def answered(
    box: Box, proc: Proc, count: Count, amount: int, counts: Sequence[Count]
) -> tuple[dict[str, int], dict[str, int]]:
    """(file or call -> how far a number of the box's, the same as its machine's, moved with `amount`; its machine's).

    Which files and calls of the machine answer is asked for all `counts` at once: it is a look at everything.
    """
    same, there = settled(_looks(box, proc, count, amount, counts), amount, count)
    return {name: up for (name, _), up in same.items()}, {name: up for (name, _), up in there.items()}


def _looks(
    box: Box, proc: Proc, count: Count, amount: int, counts: Sequence[Count]
) -> Iterator[tuple[list[Shown], list[Shown]]]:
    """(Three looks of the box's, three of its machine's): before, with `amount` taken, and after; again and again."""
    for _ in range(ROUNDS):
        names = _all_answering(box, counts, count)
        host = [shown(box.outside.proc, names)]
        inside = [shown(proc, names)]
        with count.taken(box, amount):
            host.append(shown(box.outside.proc, names))
            inside.append(shown(proc, names))
        host.append(shown(box.outside.proc, names))
        inside.append(shown(proc, names))
        yield inside, host


Moved = dict[tuple[str, Place], int]
"""(File or call, where in it) -> by how much the number there rose, or fell, and came back."""


def settled(looks: Iterable[tuple[Sequence[Shown], Sequence[Shown]]], amount: int, count: Count) -> tuple[Moved, Moved]:
    """What the first decided of these looks tell, as `told_apart` gives it.

    That the box has none of its machine's numbers is decided by two looks at each file that it reads: on a busy machine
    a number of something else goes up and down by as much at times, and the one that counts is lost.
    Raises Undecided where no look decides and others moved what the box reads.
    """
    seen: set[tuple[str, Place]] = set()
    twice: Moved = {}
    read: set[str] = set()
    others: Undecided | None = None
    for inside, host in looks:
        try:
            same, there = told_apart(inside, host, amount, count)
        except Undecided as error:
            others = error
            continue
        if same:
            return same, there
        about = {name for name, _ in _answering(host, amount, count, ABOUT)}
        read |= {name for look in inside for name, said in look.items() if said} & about
        twice |= {at: up for at, up in there.items() if at in seen}
        seen |= there.keys()
        if twice and not _lost(read, twice):
            return {}, twice
    if others is not None:
        raise others
    if twice:
        lost = ", ".join(sorted(_lost(read, twice)))
        raise Undecided(f"the box reads {lost}, which did not go up and down twice on its machine")
    return {}, {}


def _lost(read: Collection[str], twice: Moved) -> set[str]:
    """Of files that the box reads and that answered about: where it is not known yet that the box has other numbers."""
    return set(read) - {name for name, _ in twice}


def told_apart(inside: Sequence[Shown], host: Sequence[Shown], amount: int, count: Count) -> tuple[Moved, Moved]:
    """(The numbers of three looks of the box that are its machine's and answered, those of the machine that did).

    Raises Undecided where others moved such a number meanwhile, or where none of what the box reads answered there.
    """
    there, here = _answering(host, amount, count), _answering(inside, amount, count)
    same = {at: up for at, up in here.items() if at in there and _alike(inside, host, at, abs(up) * count.within)}
    if there and not same:
        shown_inside = {name for look in inside for name, said in look.items() if said}
        need_one_of({name for name, _ in there}, shown_inside)
        if any(_might_be(inside, host, at, up) for at, up in there.items()):
            raise Undecided("others took and gave back as well as we: a number of the box's may be its machine's")
    return same, there


def _might_be(inside: Sequence[Shown], host: Sequence[Shown], at: tuple[str, Place], up: int) -> bool:
    """Whether a number of the box's moved the same way, near its machine's, though not by as many."""
    looks = [look.get(at[0], {}).get(at[1]) for look in inside]
    known = [look for look in looks if look is not None]
    if len(known) < len(looks):
        return False
    first, then, last = known
    return (then - first) * up > 0 and (then - last) * up > 0 and _alike(inside, host, at, abs(up))


def _alike(inside: Sequence[Shown], host: Sequence[Shown], at: tuple[str, Place], apart: float) -> bool:
    """Whether a number of the box's is its machine's: one that only moves as far, as one of many may, is another."""
    name, place = at
    return all(abs(one[name][place] - other[name][place]) <= apart for one, other in zip(inside, host, strict=True))


def known(box: Box, count: Count) -> set[str]:
    """The files and calls of its machine that have answered in CONFIRMED looks: one may be by chance."""
    return {name for name, looks in machine_of(box).answering[count.slug].items() if looks >= CONFIRMED}


def _all_answering(box: Box, counts: Sequence[Count], wanted: Count) -> set[str]:
    found, host = machine_of(box), box.outside.proc
    while not known(box, wanted) and found.asked_what_answers < MOST_LOOKS:
        found.asked_what_answers += 1
        names = {*found.files, *called(host)}
        looks = [looked_at(host, names)]
        with ExitStack() as undo:
            for count in counts:
                undo.enter_context(count.taken(box, count.most))
            looks.append(looked_at(host, names))
        looks.append(looked_at(host, names))
        moved = changed(looks)
        for count in counts:
            found.answering[count.slug].update({name for name, _ in _answering(moved, count.most, count, ABOUT)})
    return known(box, wanted)


def _answering(looks: Sequence[Shown], amount: int, count: Count, within: float = 0) -> Moved:
    before, then, after = looks
    within = max(within, count.within)
    found: Moved = {}
    for name, there in then.items():
        for place, now in there.items():
            first, last = before.get(name, {}).get(place), after.get(name, {}).get(place)
            if first is None or last is None or now in (first, last):
                continue
            if any(_near(now - first, now - last, amount * unit, within) for unit in count.units):
                found[name, place] = now - first
    return found


def _near(up: int, down: int, amount: int, within: float) -> bool:
    """Up where something is counted, down where it is what is left."""
    return up * down > 0 and all(abs(abs(one) - amount) <= amount * within for one in (up, down))
