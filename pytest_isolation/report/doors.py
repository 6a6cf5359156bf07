"""Which box a row is about, in a report's words, and where the two doors of a box give different verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.door import Door

if TYPE_CHECKING:
    from pytest_isolation.report.run import ResultRow, Run

Doors = Mapping[str, frozenset[str]]
"""Box -> the doors it was measured through."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One guarantee of one box, through either door."""

    start: ResultRow
    entered: ResultRow

    @property
    def words(self) -> str:
        """ "net.admin-denied in lxc: holds through the start door, violated through the exec door (…)"."""
        why = self.entered.reason or self.start.reason
        return (
            f"{self.start.guarantee} in {self.start.box}: {self.start.verdict} through the start door, "
            f"{self.entered.verdict} through the exec door" + (f" ({why})" if why else "")
        )


def differences(run: Run) -> tuple[Difference, ...]:
    """Where the verdict through the exec door is not the one through the start door."""
    rows = {row.key: row for row in run.results}
    both = [(row, rows.get(row.key._replace(door=Door.EXEC))) for row in run.results if row.door == Door.START]
    return tuple(Difference(row, other) for row, other in both if other is not None and other.verdict != row.verdict)


def doors_of(run: Run) -> Doors:
    """The doors through which each box was measured; pairs aside."""
    found: dict[str, set[str]] = {}
    for row in run.results:
        if row.sibling is None:
            found.setdefault(row.box, set()).add(row.door)
    return {box: frozenset(doors) for box, doors in found.items()}


def place(row: ResultRow, doors: Doors) -> str:
    """ "docker"; "docker@exec" where it was measured through both doors; "docker beside podman"."""
    if row.sibling is not None:
        return f"{row.box} beside {row.sibling}"
    return f"{row.box}@{row.door}" if len(doors.get(row.box, ())) > 1 else row.box


def named(rows: Iterable[ResultRow], doors: Doors) -> list[tuple[str, ResultRow]]:
    """(place, row), in order; of a guarantee that says the same of both doors, the start door's row alone."""
    listed = list(rows)
    names = {row.key: name for name, held in places(listed, doors).items() for row in held}
    found: dict[tuple[str, str], ResultRow] = {}
    for row in listed:
        found.setdefault((row.guarantee, names[row.key]), row)
    return [(name, row) for (_, name), row in found.items()]


def places(rows: Iterable[ResultRow], doors: Doors) -> dict[str, list[ResultRow]]:
    """Rows by box.  Two rows of one guarantee that agree on both doors are one row, under the name of the box."""
    found: dict[tuple[str, str], list[ResultRow]] = {}
    listed = list(rows)
    for row in listed:
        if row.sibling is None:
            found.setdefault((row.guarantee, row.box), []).append(row)
    whole = {key for key, held in found.items() if frozenset(row.door for row in held) == doors.get(key[1])}
    named: dict[str, list[ResultRow]] = {}
    for row in listed:
        alike = row.sibling is None and (row.guarantee, row.box) in whole
        named.setdefault(row.box if alike else place(row, doors), []).append(row)
    return named
