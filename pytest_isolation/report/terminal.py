"""The run for a terminal: plain ASCII, as wide as asked for; colour only when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.report import given, pairs, proof, summary, support
from pytest_isolation.report.cells import matrix
from pytest_isolation.report.doors import differences
from pytest_isolation.report.grid import Grid, fitting
from pytest_isolation.report.lines import Paint, cut, painted, plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_isolation.report.run import Run


def header(run: Run, *, width: int = 100) -> list[str]:
    """The machine, and each box with what is known of it or why it is not available."""
    seed = f", seed {run.run.seed}" if run.run.seed is not None else ""
    lines = wrapped(f"isolation: {summary.host_line(run)}{seed}", width)
    name_width = max((len(box.name) for box in run.boxes), default=0)
    for box in run.boxes:
        indent = " " * (4 + name_width)
        lines += wrapped(f"  {box.name:<{name_width}}  {summary.box_line(box)}", width, indent)
        if not box.available and box.remedy:
            lines += wrapped(f"{indent}do: {box.remedy}", width, indent + "    ")
        for note in box.notes:
            lines += wrapped(f"{indent}note: {note}", width, indent + "      ")
    return lines


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """Everything a person wants to know at the end of a run: the answer first, the result last."""
    paint = painted if color else plain
    grid = Grid(matrix(run), width)
    sections = [
        list(_answer(run, grid, width, paint)),
        *grid.tables(paint),
        _doors(run, width),
        list(_pairs(run, width, paint)),
        *proof.required(run, width, paint),
        proof.accepted(run, width, paint),
        _groups("vacuous or inconclusive: these rows say nothing about the box", summary.undecided(run), width),
        _groups("unsupported: the box cannot be asked", summary.unsupported(run), width),
        _groups("unproven: no box on this machine could be the control", summary.unproven(run), width),
        list(_given(run, width)),
        header(run, width=width),
        *_support(run, width, paint),
        [line for proof in summary.silent_proofs(run) for line in wrapped(f"proof: {proof}", width, "       ")],
        [line for note in run.notes for line in _note(note, width)],
    ]
    text = "\n\n".join("\n".join(section) for section in sections if section)
    bottom = summary.bottom_line(run)
    colour = "red" if bottom.endswith("FAILED") else "green"
    last = "\n".join(paint(line, colour) for line in wrapped(bottom, width))
    return f"{text}\n\n{last}\n"


def _answer(run: Run, grid: Grid, width: int, paint: Paint) -> Iterator[str]:
    """A line for each box: what it holds, and what it breaks of what was required of it."""
    names = {box: label if label == box else f"{label} = {box}" for box, label in grid.labels.items()}
    across = max((len(names.get(box.name, box.name)) for box in run.boxes), default=0)
    for box in run.boxes:
        told = summary.box_answer(run, box)
        first, *more = wrapped(f"{names.get(box.name, box.name):<{across}}  {told.text}", width, " " * (across + 2))
        yield from (paint(first, "red" if told.bad else "green" if box.available else "dim"), *more)


def _given(run: Run, width: int) -> Iterator[str]:
    found = given.together(run.boxes)
    if found:
        yield "what each box was given of its host"
    for names, lines in found:
        yield from wrapped(f"  {', '.join(names)}", width, "    ")
        yield from (part for line in lines for part in wrapped(f"      {line}", width, "        "))


def _doors(run: Run, width: int) -> list[str]:
    said = [line for one in differences(run) for line in wrapped(f"  {one.words}", width, "    ")]
    return ["the doors differ: who enters a running box is not who started it", *said] if said else []


def _pairs(run: Run, width: int, paint: Paint) -> Iterator[str]:
    """One line, and two or three for each guarantee that some pair does not keep."""
    said = pairs.headline(run)
    if said is None:
        return
    first, *more = wrapped(f"pairs: {said}", width, "    ")
    yield from (paint(first, "bold"), *more)
    for guarantee, between, row in pairs.violated(run):
        yield from wrapped(f"  {guarantee} violated: {between}", width, "    ")
        yield cut(f"      {proof.in_short(row)}", width)


# -- host support ----------------------------------------------------------------------


def _support(run: Run, width: int, paint: Paint) -> Iterator[list[str]]:
    """Where boxes were measured, what the kernel lacks for them; else what can run, every feature, and why not."""
    columns = support.columns(run)
    if not columns:
        return
    if run.boxes:
        yield list(_lacking(run, width))
        return
    lines = [paint("host support: which technologies this kernel can run", "bold")]
    lines += [line for one in support.legend(run) for line in wrapped(f"  {one}", width, "    ")]
    for name, cells in support.technologies(run).items():
        for number, (where, row) in enumerate(support.verdicts(run, cells)):
            said = wrapped(f"  {'' if number else name:<12}{where}: {support.verdict(row)}", width, " " * 16)
            colour = {"yes": "green", "partly": "yellow"}.get(row.can_run, "red")
            lines += [paint(line, colour) for line in said]
    yield lines
    yield [paint("missing, and asked for by a technology", "bold"), *_lacks(run, width)]
    named = support.titles(run)
    widths = {title: max(9, len(title)) + 2 for title in named.values()}
    for some in fitting(named.values(), widths, width - 26):
        yield list(_features(run, {one: title for one, title in named.items() if title in some}, width, paint))
    said = [line for one in support.disagreements(run) for line in wrapped(f"  {one}", width, "    ")]
    if said:
        yield [paint("the configuration says otherwise", "bold"), *said]


def _lacking(run: Run, width: int) -> Iterator[str]:
    """Of the technologies of this run's boxes."""
    said = [f"  {name}: {support.verdict(row)}" for name, row in support.missing(run).items()]
    if said:
        yield "host support: what this kernel lacks (pytest --isolation-host says why, and what to do)"
    for one in said:
        yield from wrapped(one, width, "    ")


def _lacks(run: Run, width: int) -> Iterator[str]:
    for lack in support.lacks(run, asked_for=True):
        yield from wrapped(f"  {lack.head}", width, "    ")
        yield from wrapped(f"    why: {cut(lack.cause, 4 * width)}", width, "         ")
        if lack.remedy:
            yield from wrapped(f"    do: {lack.remedy}", width, "        ")
        for names, word in ((lack.needed_by, "needed by"), (lack.wanted_by, "used by")):
            if names:
                yield from wrapped(f"    {word}: {', '.join(names)}", width, "      ")


def _features(run: Run, columns: Mapping[support.Column, str], width: int, paint: Paint) -> Iterator[str]:
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
        yield f"{line}  {cut(what, room)}" if room > 20 else line


# -- groups of rows --------------------------------------------------------------------


def _groups(title: str, groups: Iterable[summary.Group], width: int) -> list[str]:
    lines: list[str] = []
    for group in groups:
        lines += wrapped(f"  {group.reason}", width, "    ")
        if group.remedy:
            lines += wrapped(f"    do: {group.remedy}", width, "        ")
        lines += wrapped(f"    {group.cells}", width, "      ")
    return [title, *lines] if lines else []


def _note(text: str, width: int) -> Iterator[str]:
    """The first line is ours and wrapped; further ones are somebody's own words, a console's for example."""
    first, *more = text.splitlines() or [""]
    yield from wrapped(f"note: {first}", width, "      ")
    for line in more:
        yield cut(f"      | {line}", width)
