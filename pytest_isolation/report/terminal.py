"""The run for a terminal: plain ASCII, as wide as asked for; colour only when asked for."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pytest_isolation.report import pairs, summary, support
from pytest_isolation.report.cells import DOMAINS, Matrix, Sign, matrix
from pytest_isolation.report.doors import differences, doors_of, named, places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_isolation.report.run import ResultRow, Run

COLOURS = {"green": "32", "cyan": "36", "yellow": "33", "red": "31;1", "dim": "2", "bold": "1"}
"""ECMA-48 SGR."""
CALLS_SHOWN = 12
"""Of a violation's calls, the last ones; those that prove it are marked `>`.  The JSON has more."""


def header(run: Run, *, width: int = 100) -> list[str]:
    """The machine, and each box with what is known of it or why it is not available."""
    lines = _wrapped(f"isolation: {summary.host_line(run)}, seed {run.run.seed}", width)
    name_width = max((len(box.name) for box in run.boxes), default=0)
    for box in run.boxes:
        indent = " " * (4 + name_width)
        lines += _wrapped(f"  {box.name:<{name_width}}  {summary.box_line(box)}", width, indent)
        if not box.available and box.remedy:
            lines += _wrapped(f"{indent}do: {box.remedy}", width, indent + "    ")
        for note in box.notes:
            lines += _wrapped(f"{indent}note: {note}", width, indent + "      ")
    return lines


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """Everything a person wants to know at the end of a run; the last line is the result."""
    paint = _painted if color else _plain
    sections = [
        header(run, width=width),
        *_tables(matrix(run), width, paint),
        _doors(run, width),
        list(_pairs(run, width, paint)),
        *_support(run, width, paint),
        *_violations(run, width, paint),
        _groups("vacuous or inconclusive: these rows say nothing about the box", summary.undecided(run), width),
        _groups("unsupported: the box cannot be asked", summary.unsupported(run), width),
        _groups("unproven: no box on this machine could be the control", summary.unproven(run), width),
        [line for proof in summary.silent_proofs(run) for line in _wrapped(f"proof: {proof}", width, "       ")],
        [line for note in run.notes for line in _note(note, width)],
    ]
    text = "\n\n".join("\n".join(section) for section in sections if section)
    bottom = summary.bottom_line(run)
    colour = "red" if bottom.endswith("FAILED") else "green"
    last = "\n".join(paint(line, colour) for line in _wrapped(bottom, width))
    return f"{text}\n\n{last}\n"


# -- the matrix ------------------------------------------------------------------------


def _tables(shown: Matrix, width: int, paint: Callable[[str, str], str]) -> Iterator[list[str]]:
    """With words and names where they fit, else with letters, else with letters and numbered columns."""
    if not shown.columns:
        return
    first = max(len(one.id.partition(".")[2]) for _, rows in shown.domains for one in rows) + 4
    labels = {column: column for column in shown.columns}
    letters = False
    for letters in (False, True):
        if first + sum(_widths(shown, labels, letters).values()) <= width:
            break
    else:
        labels = {column: str(number) for number, column in enumerate(shown.columns, 1)}
    widths = _widths(shown, labels, letters)
    for columns in _fitting(shown.columns, widths, width - first):
        yield _table(shown, columns, labels, widths, first, letters, paint)
    yield list(_legend(shown, labels, letters, width))


def _widths(shown: Matrix, labels: Mapping[str, str], letters: bool) -> dict[str, int]:
    """Column -> its width, with two spaces before it; one is enough for letters."""
    return {
        column: max(
            len(labels[column]),
            *(len(_text(shown.sign(one.id, column), letters)) for _, rows in shown.domains for one in rows),
        )
        + (1 if letters else 2)
        for column in shown.columns
    }


def _text(sign: Sign, letters: bool) -> str:
    return sign.letter if letters else sign.word


def _fitting(columns: Iterable[str], widths: Mapping[str, int], room: int) -> Iterator[list[str]]:
    """The columns in as many tables as they need."""
    held: list[str] = []
    for column in columns:
        if held and sum(widths[one] for one in held) + widths[column] > room:
            yield held
            held = []
        held.append(column)
    yield held


def _table(
    shown: Matrix,
    columns: list[str],
    labels: Mapping[str, str],
    widths: Mapping[str, int],
    first: int,
    letters: bool,
    paint: Callable[[str, str], str],
) -> list[str]:
    def line(name: str, cells: Mapping[str, tuple[str, str]]) -> str:
        return f"{name:<{first}}" + "".join(
            " " * (widths[column] - len(cells[column][0])) + paint(*cells[column]) for column in columns
        )

    lines = [line("guarantee", {column: (labels[column], "bold") for column in columns})]
    for domain, rows in shown.domains:
        lines.append(paint(f"{domain}: {DOMAINS[domain]}" if domain in DOMAINS else domain, "bold"))
        for one in rows:
            signs = {column: shown.sign(one.id, column) for column in columns}
            cells = {column: (_text(sign, letters), sign.colour) for column, sign in signs.items()}
            lines.append(line(f"  {one.id.partition('.')[2]}", cells))
    total = sum(len(rows) for _, rows in shown.domains)
    lines.append(line(f"hold, of {total}", {column: (str(shown.held(column)), "bold") for column in columns}))
    return lines


def _legend(shown: Matrix, labels: Mapping[str, str], letters: bool, width: int) -> Iterator[str]:
    named = [f"{label}={column}" for column, label in labels.items() if label != column]
    if named:
        yield from _wrapped(f"boxes: {'; '.join(named)}", width, "       ")
    used = shown.used()
    across = max(len(_text(sign, letters)) for sign in used)
    for sign in used:
        yield from _wrapped(f"{_text(sign, letters):<{across}}  {sign.meaning}", width, " " * (across + 2))


def _doors(run: Run, width: int) -> list[str]:
    said = [line for one in differences(run) for line in _wrapped(f"  {one.words}", width, "    ")]
    return ["the doors differ: who enters a running box is not who started it", *said] if said else []


def _pairs(run: Run, width: int, paint: Callable[[str, str], str]) -> Iterator[str]:
    """One line, and two or three for each guarantee that some pair does not keep."""
    said = pairs.headline(run)
    if said is None:
        return
    first, *more = _wrapped(f"pairs: {said}", width, "    ")
    yield from (paint(first, "bold"), *more)
    for guarantee, between, row in pairs.violated(run):
        yield from _wrapped(f"  {guarantee} violated: {between}", width, "    ")
        yield from _proof(row, width)


# -- host support ----------------------------------------------------------------------


def _support(run: Run, width: int, paint: Callable[[str, str], str]) -> Iterator[list[str]]:
    """What can run; with no box measured, also every feature, and why those that do not work do not."""
    columns = support.columns(run)
    if not columns:
        return
    lines = [paint("host support: which technologies this kernel can run", "bold")]
    lines += [line for one in support.legend(run) for line in _wrapped(f"  {one}", width, "    ")]
    for name, cells in support.technologies(run).items():
        for number, (where, row) in enumerate(support.verdicts(run, cells)):
            said = _wrapped(f"  {'' if number else name:<12}{where}: {support.verdict(row)}", width, " " * 16)
            colour = {"yes": "green", "partly": "yellow"}.get(row.can_run, "red")
            lines += [paint(line, colour) for line in said]
    yield lines
    if run.boxes:
        yield ["pytest --isolation-host shows the features, why they do not work, and what to do"]
        return
    yield [paint("missing, and asked for by a technology", "bold"), *_lacks(run, width)]
    named = support.titles(run)
    widths = {title: max(9, len(title)) + 2 for title in named.values()}
    for some in _fitting(named.values(), widths, width - 26):
        yield list(_features(run, {one: title for one, title in named.items() if title in some}, width, paint))
    said = [line for one in support.disagreements(run) for line in _wrapped(f"  {one}", width, "    ")]
    if said:
        yield [paint("the configuration says otherwise", "bold"), *said]


def _lacks(run: Run, width: int) -> Iterator[str]:
    for lack in support.lacks(run, asked_for=True):
        yield from _wrapped(f"  {lack.head}", width, "    ")
        yield from _wrapped(f"    why: {_cut(lack.cause, 4 * width)}", width, "         ")
        if lack.remedy:
            yield from _wrapped(f"    do: {lack.remedy}", width, "        ")
        for names, word in ((lack.needed_by, "needed by"), (lack.wanted_by, "used by")):
            if names:
                yield from _wrapped(f"    {word}: {', '.join(names)}", width, "      ")


def _features(
    run: Run, columns: Mapping[support.Column, str], width: int, paint: Callable[[str, str], str]
) -> Iterator[str]:
    """`columns`: column -> its title.  What a feature is for is cut to the room that is left."""
    colours = {"works": "green", "off": "red", "missing-module": "red", "refused": "yellow"}
    widths = {column: max(9, len(title)) + 2 for column, title in columns.items()}
    room = width - 28 - sum(widths.values())
    head = "".join(f"{title:>{widths[column]}}" for column, title in columns.items())
    yield paint(f"{'feature':<26}{head}", "bold")
    for id, cells in support.features(run).items():
        line = f"{id:<26}"
        for column in columns:
            status = cells[column].status if column in cells else "unknown"
            line += paint(f"{support.SIGNS[status]:>{widths[column]}}", colours.get(status, "dim"))
        what = next(iter(cells.values())).what
        yield f"{line}  {_cut(what, room)}" if room > 20 else line


# -- violations ------------------------------------------------------------------------


def _violations(run: Run, width: int, paint: Callable[[str, str], str]) -> Iterator[list[str]]:
    doors = doors_of(run)
    for where, row in named(summary.broken(run), doors):
        head = f"VIOLATED {row.guarantee} in {where}" + (f": {row.note}" if row.note else "")
        lines = _wrapped(head, width, "    ")
        yield [paint(lines[0], "red"), *lines[1:], *_evidence(row, width)]
    accepted = summary.accepted(run)
    if accepted:
        lines = ["violated, not required (the calls that prove it; the JSON report has the whole program)"]
        for rows in accepted:
            boxes = ", ".join(
                box + (" (known)" if all(row.known for row in held) else "")
                for box, held in places(rows, doors).items()
            )
            lines += _wrapped(f"  {rows[0].guarantee}: {boxes}", width, "    ")
            lines += _proof(rows[0], width)
        yield lines


def _evidence(row: ResultRow, width: int) -> Iterator[str]:
    """The minimal example whole: what was generated, the calls, what the witness saw."""
    if row.reason:
        yield from _wrapped(f"  {row.reason}", width, "    ")
    for evidence in row.evidence:
        if evidence.example:
            given = ", ".join(f"{name}={value}" for name, value in evidence.example.items())
            yield from _wrapped(f"  with      {given}", width, " " * 12)
        lines = [f"{'> ' if n in evidence.proof else '  '}{call}" for n, call in enumerate(evidence.calls)]
        calls = lines[-CALLS_SHOWN:]
        left = len(lines) - len(calls)
        for number, call in enumerate([f"  ({left} calls before)", *calls] if left else calls):
            yield _cut(f"  {'' if number else 'calls':<9} {call}", width)
        for number, (name, value) in enumerate(evidence.observed.items()):
            yield _cut(f"  {'' if number else 'observed':<9} {name} = {value}", width)


def _proof(row: ResultRow, width: int) -> Iterator[str]:
    """The evidence in two lines."""
    for evidence in row.evidence[:1]:
        proving = [evidence.calls[number] for number in evidence.proof]
        if proving:
            yield _cut("      " + "; ".join(proving[-2:]), width)
        if evidence.observed:
            yield _cut("      observed " + ", ".join(f"{k} = {v}" for k, v in evidence.observed.items()), width)


def _groups(title: str, groups: Iterable[summary.Group], width: int) -> list[str]:
    lines: list[str] = []
    for group in groups:
        lines += _wrapped(f"  {group.reason}", width, "    ")
        if group.remedy:
            lines += _wrapped(f"    do: {group.remedy}", width, "        ")
        lines += _wrapped(f"    {group.cells}", width, "      ")
    return [title, *lines] if lines else []


def _note(text: str, width: int) -> Iterator[str]:
    """The first line is ours and wrapped; further ones are somebody's own words, a console's for example."""
    first, *more = text.splitlines() or [""]
    yield from _wrapped(f"note: {first}", width, "      ")
    for line in more:
        yield _cut(f"      | {line}", width)


# -- text ------------------------------------------------------------------------------


def _wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _cut(text: str, width: int) -> str:
    """One line: what came from the box may hold any character."""
    line = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return line if len(line) <= width else f"{line[: width - 3]}..."


def _plain(text: str, colour: str) -> str:
    return text


def _painted(text: str, colour: str) -> str:
    return f"\033[{COLOURS[colour]}m{text}\033[0m"
