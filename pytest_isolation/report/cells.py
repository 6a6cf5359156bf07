"""The matrix every renderer shows: guarantees, grouped by domain, x boxes; one sign a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Control, Outcome, Verdict
from pytest_isolation.report.families import lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_isolation.report.families import Line
    from pytest_isolation.report.run import GuaranteeRow, ResultRow, Run


@dataclass(frozen=True, slots=True)
class Sign:
    """How a cell is written: a word where there is room, else a letter or two."""

    word: str
    letter: str
    colour: str
    meaning: str


HOLDS = Sign("holds", "H", "green", "holds; its control fired in this run")
HOLDS_UNPROVEN = Sign("holds?", "H?", "cyan", "holds, unproven: no box here could be its control")
UNPROMISED = Sign("holds*", "h", "green", "holds, though nothing promises it")
UNPROMISED_UNPROVEN = Sign("holds*?", "h?", "cyan", "holds, unpromised and unproven")
VIOLATED = Sign("VIOLATED", "X", "red", "violated, and required")
NOT_PROMISED = Sign("violated", "x", "yellow", "violated; nothing promises it")
KNOWN = Sign("known", "k", "yellow", "violated; the baseline knows it")
VACUOUS = Sign("VACUOUS", "V", "red", "held, but the check also held on a box with the hole that must break it")
INCONCLUSIVE = Sign("INCONCL", "I", "red", "inconclusive: the bench broke; says nothing about the box")
UNSUPPORTED = Sign("-", "-", "dim", "unsupported: this box cannot be asked that")
UNMEASURED = Sign(".", ".", "dim", "not measured")

DOORS = Sign("a/b", "a/b", "bold", "a through the start door, b through the exec door; elsewhere the two agree")

BY_BADNESS = (
    VIOLATED, INCONCLUSIVE, VACUOUS, KNOWN, NOT_PROMISED, HOLDS_UNPROVEN, UNPROMISED_UNPROVEN, UNPROMISED, HOLDS,
    UNSUPPORTED, UNMEASURED,
)  # fmt: skip
"""Of several, the first of these is the worst."""

LEGEND = (
    HOLDS, HOLDS_UNPROVEN, UNPROMISED, UNPROMISED_UNPROVEN, VIOLATED, NOT_PROMISED, KNOWN, VACUOUS, INCONCLUSIVE,
    UNSUPPORTED, UNMEASURED, DOORS,
)  # fmt: skip

HELD = (HOLDS, HOLDS_UNPROVEN, UNPROMISED, UNPROMISED_UNPROVEN)


def sign_of(row: ResultRow) -> Sign:
    """What stands for a row in the matrix."""
    if row.verdict is Verdict.HOLDS:
        proven = row.control is Control.FIRED
        if row.required_by is None:
            return UNPROMISED if proven else UNPROMISED_UNPROVEN
        return HOLDS if proven else HOLDS_UNPROVEN
    if row.verdict is Verdict.VIOLATED:
        if row.known:
            return KNOWN
        return VIOLATED if row.outcome is Outcome.FAILED else NOT_PROMISED
    return {
        Verdict.VACUOUS: VACUOUS,
        Verdict.INCONCLUSIVE: INCONCLUSIVE,
        Verdict.UNSUPPORTED: UNSUPPORTED,
    }[row.verdict]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Guarantees by boxes, with a sign where they meet."""

    columns: tuple[str, ...]
    """Boxes with a result."""
    domains: tuple[tuple[str, tuple[GuaranteeRow, ...]], ...]
    """(domain, its guarantees that were measured), in the run's order."""
    cells: Mapping[tuple[str, str], tuple[Sign, ...]]
    """(guarantee id, column) -> the start door's sign, and the exec door's where that is another.

    What is missing was not measured.
    """
    numbers: Mapping[str, int]
    """Guarantee id -> its place among them."""

    def sign(self, guarantee: str, column: str) -> Sign:
        """Of both doors at once, where they differ; UNMEASURED without a row."""
        signs = self.cells.get((guarantee, column), (UNMEASURED,))
        return signs[0] if len(signs) == 1 else _both(*signs)

    def lines(self, rows: Iterable[GuaranteeRow]) -> Iterator[Line]:
        """Those of a domain's guarantees: see families.py."""
        return lines(rows, lambda row: tuple(self.sign(row.id, column) for column in self.columns))

    def of(self, line: Line, column: str) -> Sign:
        """What a line says of a box: all that it stands for say the same."""
        return self.sign(line.members[0].id, column)

    def used(self) -> tuple[Sign, ...]:
        """The signs that occur, in the legend's order."""
        shown = [
            self.cells.get((one.id, at), (UNMEASURED,))
            for _, rows in self.domains
            for one in rows
            for at in self.columns
        ]
        found = {sign for signs in shown for sign in signs} | (
            {DOORS} if any(len(signs) > 1 for signs in shown) else set()
        )
        return tuple(sign for sign in LEGEND if sign in found)

    def held(self, column: str) -> int:
        """How many hold, through every door they were measured through."""
        return sum(all(sign in HELD for sign in signs) for (_, at), signs in self.cells.items() if at == column)


def matrix(run: Run) -> Matrix:
    """Of the boxes by themselves: pairs are shown by pairs.py."""
    rows = [row for row in run.results if row.sibling is None]
    doors: dict[tuple[str, str], dict[str, Sign]] = {}
    for row in rows:
        doors.setdefault((row.guarantee, row.box), {})[row.door] = sign_of(row)
    measured = {box for _, box in doors}
    boxes = [box.name for box in run.boxes if box.name in measured]
    boxes += [name for name in dict.fromkeys(row.box for row in rows) if name not in boxes]
    cells = {
        at: tuple(dict.fromkeys(signs[door] for door in (Door.START, Door.EXEC) if door in signs))
        for at, signs in doors.items()
    }
    guarantees = {guarantee for guarantee, _ in cells}
    shown = _by_domain(one for one in run.guarantees if one.id in guarantees)
    numbers = {one.id: number for number, one in enumerate(one for _, rows in shown for one in rows)}
    return Matrix(tuple(boxes), shown, cells, numbers)


def _both(start: Sign, entered: Sign) -> Sign:
    """Where the doors differ, both are shown, in the colour of the worse."""
    worse = min(start, entered, key=BY_BADNESS.index)
    return Sign(f"{start.word}/{entered.word}", f"{start.letter}/{entered.letter}", worse.colour, DOORS.meaning)


def _by_domain(rows: Iterable[GuaranteeRow]) -> tuple[tuple[str, tuple[GuaranteeRow, ...]], ...]:
    found: dict[str, list[GuaranteeRow]] = {}
    for row in rows:
        found.setdefault(row.domain, []).append(row)
    return tuple((domain, tuple(group)) for domain, group in found.items())
