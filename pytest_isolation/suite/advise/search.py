"""Which changes are enough: tried one by one, then, for what no single one mends, together.

A set is looked for by what was measured of its members, and then measured as a whole: what is advised was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Verdict

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.suite.advise.changes import Change

Found = Mapping[str, Verdict] | str
"""Of one box: guarantee -> verdict, or why it could not be started."""
Measure = Callable[[Sequence["BoxSpec"], Sequence[str]], Mapping[str, Found]]
"""(specs with names of their own, guarantees) -> name -> what was found."""
Apply = Callable[["BoxSpec", Sequence["Change"]], "BoxSpec | None"]


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """One change by itself."""

    change: Change
    mends: tuple[str, ...] = ()
    """Guarantees that were violated and hold with it."""
    reason: str = ""
    """Why no box with it could be started."""


@dataclass(frozen=True, slots=True)
class Advised:
    """The smallest set that mends what can be mended, before it was measured as a whole."""

    tried: tuple[ChangeResult, ...]
    chosen: tuple[Change, ...]
    """In the order they were tried; empty: nothing mends anything."""
    mends: tuple[str, ...]
    """What it mends, by what was measured."""


def search(
    spec: BoxSpec, changes: Sequence[Change], broken: Sequence[str], *, measure: Measure, apply: Apply
) -> Advised:
    """`broken`: guarantees that `spec` violates.  Measures each change once, and a few sets of them."""
    named = {f"{spec.name}-{number}": one for number, one in enumerate(changes, 1)}
    specs = {name: made for name, one in named.items() if (made := apply(spec, (one,))) is not None}
    found = measure([replace(made, name=name) for name, made in specs.items()], broken) if specs else {}
    tried = tuple(_tried(one, found.get(name, "no such box can be described"), broken) for name, one in named.items())
    usable = [one.change for one in tried if not one.reason]
    needed = _together(spec, usable, _left(broken, tried), measure, apply)
    chosen = list(needed.chosen)
    while True:
        bought = {id for one in tried if one.change in chosen for id in one.mends} | set(needed.mends)
        fits = [one for one in tried if one.change not in chosen and apply(spec, (*chosen, one.change)) is not None]
        more = smallest([one for one in fits if set(one.mends) - bought], set(broken) - bought)
        first = next((one.change for one in more if apply(spec, (*chosen, one.change)) is not None), None)
        if first is None:
            break
        chosen.append(first)
    if len(chosen) > 1:  # what one change mends, another may mend when a third is there
        held = _held(spec, chosen, broken, measure, apply)
        best = max(tried, key=lambda one: len(one.mends))
        if len(held) > len(best.mends):
            chosen, bought = _reduced(spec, chosen, held, measure, apply), set(held)
        else:  # as a whole it does not start, or one of them undoes another
            chosen, bought = [best.change], set(best.mends)
    ordered = tuple(one for one in changes if one in chosen)
    return Advised(tried, ordered, tuple(id for id in broken if id in bought))


def _tried(change: Change, found: Found, broken: Sequence[str]) -> ChangeResult:
    if isinstance(found, str):
        return ChangeResult(change, reason=found)
    return ChangeResult(change, tuple(id for id in broken if found.get(id) is Verdict.HOLDS))


def _left(broken: Sequence[str], tried: Sequence[ChangeResult]) -> list[str]:
    return [id for id in broken if not any(id in one.mends for one in tried)]


def _together(spec: BoxSpec, usable: Sequence[Change], left: Sequence[str], measure: Measure, apply: Apply) -> Advised:
    """What is defended in depth needs more than one change: all at once, then one after the other taken out again."""
    everything: list[Change] = []
    for one in usable:
        if apply(spec, (*everything, one)) is not None:
            everything.append(one)
    held = _held(spec, everything, left, measure, apply) if left and len(everything) > 1 else ()
    if not held:
        return Advised((), (), ())
    return Advised((), tuple(_reduced(spec, everything, held, measure, apply)), held)


def _reduced(
    spec: BoxSpec, changes: Sequence[Change], held: Sequence[str], measure: Measure, apply: Apply
) -> list[Change]:
    """Those of `changes` without which one of `held` does not hold; the dearest is given up first."""
    kept = list(changes)
    for one in sorted(changes, key=lambda change: -change.cost):
        fewer = [other for other in kept if other is not one]
        if fewer and set(held) <= set(_held(spec, fewer, held, measure, apply)):
            kept = fewer
    return kept


def _held(
    spec: BoxSpec, changes: Sequence[Change], ids: Sequence[str], measure: Measure, apply: Apply
) -> tuple[str, ...]:
    made = apply(spec, changes)
    if made is None:
        return ()
    found = measure([replace(made, name=f"{spec.name}-together")], ids).get(f"{spec.name}-together", "")
    return () if isinstance(found, str) else tuple(id for id in ids if found.get(id) is Verdict.HOLDS)


def smallest(tried: Sequence[ChangeResult], wanted: set[str]) -> tuple[ChangeResult, ...]:
    """The fewest that mend all of `wanted` that any of them mends; of those, the cheapest, then the first."""
    wanted = {id for one in tried for id in one.mends} & wanted
    useful = {one: set(one.mends) & wanted for one in tried if set(one.mends) & wanted}
    # What another one mends as well, and is no dearer, is not needed: without it the search below is short.
    order = list(useful)
    for one in order[::-1]:
        if any(
            other is not one and useful[one] <= useful[other] and other.change.cost <= one.change.cost
            for other in useful
        ):
            del useful[one]
    best: tuple[ChangeResult, ...] | None = None

    def rank(held: tuple[ChangeResult, ...]) -> tuple[int, int]:
        return len(held), sum(one.change.cost for one in held)

    def extend(held: tuple[ChangeResult, ...], left: set[str]) -> None:
        nonlocal best
        if best is not None and rank(held) >= rank(best):
            return
        if not left:
            best = held
            return
        rarest = min(left, key=lambda id: sum(id in mends for mends in useful.values()))
        for one, mends in useful.items():
            if rarest in mends:
                extend((*held, one), left - mends)

    extend((), wanted)
    return tuple(one for one in order if one in (best or ()))
