"""`--isolation-why`: which layer of a box refuses, found by the same check in boxes of the spec that lack layers.

A layer that was taken away, with all others in place, and the promise is broken: that layer was what refused.  Where
none alone is, they are taken away in pairs: then each of the two refuses by itself.  An errno says nothing of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import IsolationError
from pytest_isolation.guarantees.guarantee import EXAMPLES
from pytest_isolation.guarantees.layers import by_layer
from pytest_isolation.guarantees.verdicts import How, Layer, Verdict
from pytest_isolation.report.run import ResultRow
from pytest_isolation.suite.weakened import WeakenedBoxes, checks
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.pool import Pool


def find(
    specs: Iterable[BoxSpec],
    rows: Sequence[ResultRow],
    *,
    seed: int,
    tell: Callable[[str], None] = lambda said: None,
) -> Iterator[ResultRow]:
    """Those of `rows` that hold by refusal, each with what refuses, as soon as all of its box are known.

    `specs`: the boxes that they are of, as they were measured; one that somebody else started is passed over.
    """
    refused = [row for row in rows if row.verdict is Verdict.HOLDS and row.how is How.REFUSED]
    held = [row for row in refused if row.guarantee in checks()]
    for spec in specs:
        its = {row.guarantee: row for row in held if row.box == spec.name}
        if not its or spec.attached:
            continue
        tell(f"which layer of {spec.name} refuses: {len(its)} guarantees that hold by refusal")
        lifetime = Lifetime()
        pool = Pool(lifetime)
        try:
            found = _Search(spec, list(its), pool, seed).refusers()
        finally:
            pool.close()
            lifetime.close()
        for id, row in its.items():
            layers, holes = found.get(id, ((Layer.UNKNOWN,), frozenset()))
            yield replace(row, refused_by=layers, opened_by=tuple(sorted(map(str, holes))))


Refusers = dict[str, tuple[tuple[Layer, ...], Weakenings]]
"""Guarantee -> the layers that refuse, each by itself, and the holes without which nothing did."""


class _Search:
    def __init__(self, spec: BoxSpec, ids: Sequence[str], pool: Pool, seed: int) -> None:
        self._spec, self._ids, self._pool = spec, ids, pool
        self._boxes = WeakenedBoxes(spec, pool, seed)

    def refusers(self) -> Refusers:
        found: Refusers = {}
        layers = by_layer(technology(self._spec.technology).weakenings() - self._spec.weakenings)
        for size in (1, 2):
            for several in combinations(layers, size):
                left = [id for id in self._ids if id not in found]
                for id, holes in self._opened([layers[one] for one in several], left).items():
                    found[id] = several, holes
        for id in self._refused_outside([id for id in self._ids if id not in found]):
            found[id] = (Layer.KERNEL,), frozenset()
        return found

    def _opened(self, parts: Sequence[Weakenings], ids: Sequence[str]) -> dict[str, Weakenings]:
        """Which of `ids` are broken in a box without these layers, and the holes that broke them.

        The holes of a guarantee's own falsifier are tried first, so that those which are told are few; then all holes
        of the layers at once; and where no box starts with all of them, one by one.
        """
        all_holes = frozenset(hole for part in parts for hole in part)
        found: dict[str, Weakenings] = {}
        own: dict[Weakenings, list[str]] = {}
        for id in ids:
            holes = checks()[id][0][0].falsified_by & all_holes
            if holes and all(holes & part for part in parts):
                own.setdefault(holes, []).append(id)
        for holes, these in own.items():
            found |= dict.fromkeys(self._broken(holes, these) or (), holes)
        left = [id for id in ids if id not in found]
        if not left:
            return found
        answer = self._broken(all_holes, left)
        if answer is not None:
            return found | (self._narrowed(all_holes, answer) if len(parts) == 1 else dict.fromkeys(answer, all_holes))
        if len(parts) == 1:
            for hole in sorted(all_holes):
                holes = frozenset({hole})
                found |= dict.fromkeys(self._broken(holes, [id for id in left if id not in found]) or (), holes)
        return found

    def _narrowed(self, holes: Weakenings, ids: Sequence[str]) -> dict[str, Weakenings]:
        """The holes that break each of `ids`, which all of `holes` together do: as few as halving them finds."""
        left, found = list(ids), dict[str, Weakenings]()
        some = sorted(holes)
        for half in (some[: len(some) // 2], some[len(some) // 2 :]):
            if left and half and len(half) < len(some):
                broken = self._broken(frozenset(half), left) or []
                found |= self._narrowed(frozenset(half), broken) if broken else {}
                left = [id for id in left if id not in found]
        return found | dict.fromkeys(left, holes)

    def _broken(self, holes: Weakenings, ids: Sequence[str]) -> list[str] | None:
        """Those of `ids` that are broken in a box of the spec with these holes; None where there is no such box."""
        answers = self._boxes.ask(holes, ids)
        return None if isinstance(answers, str) else [id for id, broken in answers.items() if broken]

    def _refused_outside(self, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that the box's own kernel refuses of root in no box at all."""
        if not ids or os.geteuid() != 0 or self._spec.uid != 0:
            return []
        found = []
        try:
            if not self._pool.box(self._spec).parts.shares_kernel:
                return []
            for id in ids:
                results = [
                    self._boxes.result(promise, check, BoxSpec(technology="host"), EXAMPLES[promise.kind])
                    for promise, check in checks()[id]
                ]
                if all(
                    not (one.violation or one.trouble or one.unsupported) and one.notes.how == {How.REFUSED}
                    for one in results
                ):
                    found.append(id)
        except (IsolationError, OSError):
            return found
        return found
