"""The matrix as text: the legend, then as many tables as the boxes need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.domains import title_of
from pytest_isolation.report.cells import Matrix, Sign
from pytest_isolation.report.lines import Paint, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_isolation.report.families import Line

SHORT = 4
"""Letters of a name at most, where names do not fit."""


class Grid:
    """With words and names where they fit, else with letters, else with letters and short names."""

    def __init__(
        self, shown: Matrix, width: int, *, totals: bool = True, labels: Mapping[str, str] | None = None
    ) -> None:
        """`totals`: how many hold, at the foot; not of a part of the rows.  `labels`: heads that others use, too."""
        self._shown, self._width, self._totals = shown, width, totals
        self._lines = [(domain, list(shown.lines(rows))) for domain, rows in shown.domains]
        named = [_name(line) for _, lines in self._lines for line in lines]
        self._first = max(*map(len, named), len(self._foot())) if named else len(self._foot())
        self.labels: Mapping[str, str] = labels or {column: column for column in shown.columns}
        """Column -> its head."""
        self._letters = False
        for self._letters in (False, True):
            if self._first + sum(self._widths().values()) <= width:
                return
        self.labels = labels or _short(shown.columns)

    def tables(self, paint: Paint) -> Iterator[list[str]]:
        """The legend, then as many tables as the width asks for, as lines; nothing of an empty matrix."""
        if not self._shown.columns or not self._shown.domains:
            return
        yield list(self._legend())
        widths = self._widths()
        for columns in fitting(self._shown.columns, widths, self._width - self._first):
            yield self._table(columns, widths, paint)

    def _foot(self) -> str:
        return f"hold, of {sum(len(rows) for _, rows in self._shown.domains)}"

    def _widths(self) -> dict[str, int]:
        """Column -> its width, with two spaces before it; one is enough for letters."""
        shown = self._shown
        return {
            column: max(
                len(self.labels[column]),
                len(str(shown.held(column))),
                *(len(self._text(shown.of(one, column))) for _, lines in self._lines for one in lines),
            )
            + (1 if self._letters else 2)
            for column in shown.columns
        }

    def _text(self, sign: Sign) -> str:
        return sign.letter if self._letters else sign.word

    def _table(self, columns: list[str], widths: Mapping[str, int], paint: Paint) -> list[str]:
        shown, first = self._shown, self._first

        def line(name: str, cells: Mapping[str, tuple[str, str]]) -> str:
            return f"{name:<{first}}" + "".join(
                " " * (widths[column] - len(cells[column][0])) + paint(*cells[column]) for column in columns
            )

        lines = [line("guarantee", {column: (self.labels[column], "bold") for column in columns})]
        for domain, rows in self._lines:
            lines.append(paint(title_of(domain), "bold"))
            for one in rows:
                signs = {column: shown.of(one, column) for column in columns}
                cells = {column: (self._text(sign), sign.colour) for column, sign in signs.items()}
                lines.append(line(_name(one), cells))
        if not self._totals:
            return lines
        return [*lines, "", line(self._foot(), {column: (str(shown.held(column)), "bold") for column in columns})]

    def _legend(self) -> Iterator[str]:
        used = self._shown.used()
        across = max((len(self._text(sign)) for sign in used), default=0)
        for sign in used:
            yield from wrapped(f"{self._text(sign):<{across}}  {sign.meaning}", self._width, " " * (across + 2))


def _name(line: Line) -> str:
    """As the first column has it: without the domain; below its family's line, a member is set in further."""
    return f"  {'  ' if line.open else ''}{line.id.partition('.')[2]}"


def _short(names: Sequence[str]) -> dict[str, str]:
    """docker is doc, docker-gvisor do-g: the first short form that no other has; numbers where one name has none."""
    found: dict[str, str] = {}
    for name in sorted(names, key=len):
        first, _, second = name.partition("-")
        forms = (name[:3], *([f"{first[:2]}-{second[0]}"] if second else []), name[:SHORT])
        found[name] = next((form for form in forms if form not in found.values()), "")
    if all(found.values()):
        return {name: found[name] for name in names}
    return {name: str(number) for number, name in enumerate(names, 1)}


def fitting(columns: Iterable[str], widths: Mapping[str, int], room: int) -> Iterator[list[str]]:
    """The columns in as many tables as they need."""
    held: list[str] = []
    for column in columns:
        if held and sum(widths[one] for one in held) + widths[column] > room:
            yield held
            held = []
        held.append(column)
    yield held
