"""The matrix every renderer shows: guarantees, grouped by domain, x boxes; one sign a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Control, Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

BY_BADNESS = (
    VIOLATED, INCONCLUSIVE, VACUOUS, KNOWN, NOT_PROMISED, HOLDS_UNPROVEN, UNPROMISED_UNPROVEN, UNPROMISED, HOLDS,
    UNSUPPORTED, UNMEASURED,
)  # fmt: skip
"""Of several rows in one cell (with and without a sibling), the first of these is shown."""

LEGEND = (
    HOLDS, HOLDS_UNPROVEN, UNPROMISED, UNPROMISED_UNPROVEN, VIOLATED, NOT_PROMISED, KNOWN, VACUOUS, INCONCLUSIVE,
    UNSUPPORTED, UNMEASURED,
)  # fmt: skip

DOMAINS = {
    "pid": "processes",
    "mnt": "mounts and files",
    "net": "network",
    "cg": "resource limits",
    "dev": "devices",
    "port": "portability",
}


def sign_of(row: ResultRow) -> Sign:
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
    columns: tuple[str, ...]
    """Boxes with a result; a box entered through both doors is two columns."""
    domains: tuple[tuple[str, tuple[GuaranteeRow, ...]], ...]
    """(domain, its guarantees that were measured), in the run's order."""
    cells: Mapping[tuple[str, str], Sign]
    """(guarantee id, column) -> sign; what is missing was not measured."""

    def sign(self, guarantee: str, column: str) -> Sign:
        return self.cells.get((guarantee, column), UNMEASURED)

    def used(self) -> tuple[Sign, ...]:
        """The signs that occur, in the legend's order."""
        found = {self.sign(one.id, column) for _, rows in self.domains for one in rows for column in self.columns}
        return tuple(sign for sign in LEGEND if sign in found)

    def held(self, column: str) -> int:
        kinds = (HOLDS, HOLDS_UNPROVEN, UNPROMISED, UNPROMISED_UNPROVEN)
        return sum(sign in kinds for (_, at), sign in self.cells.items() if at == column)


def matrix(run: Run) -> Matrix:
    doors: dict[str, set[str]] = {}
    for row in run.results:
        doors.setdefault(row.box, set()).add(row.door)
    boxes = [box.name for box in run.boxes if box.name in doors]
    boxes += [name for name in doors if name not in boxes]
    columns = tuple(column_of(name, door, doors) for name in boxes for door in sorted(doors[name], reverse=True))
    cells: dict[tuple[str, str], Sign] = {}
    for row in run.results:
        at = row.guarantee, column_of(row.box, row.door, doors)
        cells[at] = min(cells.get(at, UNMEASURED), sign_of(row), key=BY_BADNESS.index)
    measured = {guarantee for guarantee, _ in cells}
    return Matrix(columns, _by_domain(one for one in run.guarantees if one.id in measured), cells)


def column_of(box: str, door: str, doors: Mapping[str, set[str]]) -> str:
    return box if len(doors[box]) == 1 else f"{box}@{door}"


def _by_domain(rows: Iterable[GuaranteeRow]) -> tuple[tuple[str, tuple[GuaranteeRow, ...]], ...]:
    found: dict[str, list[GuaranteeRow]] = {}
    for row in rows:
        found.setdefault(row.domain, []).append(row)
    return tuple((domain, tuple(group)) for domain, group in found.items())
