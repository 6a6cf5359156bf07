"""A box in a box beside each of the two alone: what the two keep between them, and what of that got lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_isolation.report.run import BoxRow, Run

    Holds = Callable[[str, str], bool]

INNER, OUTER = "inner", "outer"
BESIDES = ("door", "facts")
"""Of what a report has as a spec: how a run entered the box, and what was found of it."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Guarantees that are broken in the box, and that `by` keeps alone."""

    by: str
    guarantees: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """One box in a box; `inner`, `outer` and `opened` are boxes of the same run.

    `opened`: the outer one as it had to be started for the inner one, where that is another than `outer`, and was
    measured.
    """

    box: str
    inner: str
    outer: str
    opened: str | None
    expected: int
    """Guarantees that the inner or the outer one keeps alone."""
    kept: int
    unasked: tuple[str, ...]
    """Of the expected ones: those that this box could not be asked."""
    lost: tuple[Lost, ...]
    gained: tuple[str, ...]
    """Kept, and by neither alone."""

    @property
    def head(self) -> str:
        """How many guarantees hold, are lost, cannot be asked and are gained, as a line."""
        lost = sum(len(one.guarantees) for one in self.lost)
        said = [f"{self.kept} hold", f"{lost} lost"]
        said += [f"{len(self.unasked)} cannot be asked"] if self.unasked else []
        more = f"; {len(self.gained)} more hold that neither keeps" if self.gained else ""
        return f"of {self.expected} guarantees that {self.inner} or {self.outer} keeps alone, {', '.join(said)}{more}"

    @property
    def lines(self) -> tuple[str, ...]:
        """Which ones, a line for each reason."""
        found = [f"lost, kept by {one.by}: {', '.join(one.guarantees)}" for one in self.lost]
        return (*found, f"kept by neither alone: {', '.join(self.gained)}") if self.gained else tuple(found)


def told(run: Run) -> tuple[Nested, ...]:
    """Of each box in a box whose inner and outer technology have a box of their own in the run."""
    return tuple(_nested(run))


def _nested(run: Run) -> Iterator[Nested]:
    verdicts: dict[str, dict[str, Verdict]] = {}
    for row in run.results:
        if row.sibling is None and row.door == Door.START:
            verdicts.setdefault(row.box, {})[row.guarantee] = row.verdict
    for box in run.boxes:
        if box.technology == "nested" and box.name in verdicts:
            inner, outer = (_alone(run, verdicts, box, part) for part in (INNER, OUTER))
            if inner is not None and outer is not None:
                opened = _as_started(run, verdicts, box)
                yield _compared(box.name, inner, outer, opened if opened != outer else None, verdicts)


def _compared(box: str, inner: str, outer: str, opened: str | None, verdicts: dict[str, dict[str, Verdict]]) -> Nested:
    def holds(name: str, guarantee: str) -> bool:
        return verdicts[name].get(guarantee) is Verdict.HOLDS

    mine = verdicts[box]
    expected = [one for one in mine if holds(inner, one) or holds(outer, one)]
    lost: dict[str, list[str]] = {}
    for one in expected:
        if mine[one] is Verdict.VIOLATED:
            lost.setdefault(_by(one, inner, outer, opened, holds), []).append(one)
    return Nested(
        box=box,
        inner=inner,
        outer=outer,
        opened=opened,
        expected=len(expected),
        kept=sum(holds(box, one) for one in expected),
        unasked=tuple(one for one in expected if mine[one] not in (Verdict.HOLDS, Verdict.VIOLATED)),
        lost=tuple(Lost(by, tuple(held)) for by, held in lost.items()),
        gained=tuple(one for one in mine if holds(box, one) and one not in expected),
    )


def _by(guarantee: str, inner: str, outer: str, opened: str | None, holds: Holds) -> str:
    """Who keeps it alone: "docker alone, and not as it is started here"."""
    both = [name for name in (inner, outer) if holds(name, guarantee)]
    if len(both) == 2:
        return f"{inner} and by {outer}, each alone"
    if both == [outer] and opened is not None and not holds(opened, guarantee):
        return f"{outer} alone, and not by {opened}, which is {outer} as it was started for this"
    return f"{both[0]} alone"


def _options(box: BoxRow) -> dict[str, object]:
    return {key: value for key, value in box.spec.items() if key not in BESIDES}


def _alone(run: Run, verdicts: dict[str, dict[str, Verdict]], nested: BoxRow, part: str) -> str | None:
    """The box of that technology with nothing said of it, else the first there is; a preset's name is said of it."""
    named = nested.spec.get("") if part == INNER else nested.spec.get(f"{OUTER}.")
    found = [
        box
        for box in run.boxes
        if box.technology == nested.spec.get(part) and box.name in verdicts and box.spec.get("") == named
    ]
    plain = [box for box in found if not set(_options(box)) - {""}]
    return (plain or found)[0].name if found else None


def _as_started(run: Run, verdicts: dict[str, dict[str, Verdict]], nested: BoxRow) -> str | None:
    """The box of the outer technology with all that the nested one says of it."""
    said = {key.removeprefix(f"{OUTER}."): value for key, value in nested.spec.items() if key.startswith(f"{OUTER}.")}
    for box in run.boxes:
        if box.technology == nested.spec.get(OUTER) and box.name in verdicts and _options(box) == said:
            return box.name
    return None
