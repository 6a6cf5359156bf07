"""The run for a terminal: plain ASCII, as wide as asked for; colour only when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.guarantees.domains import words_of
from pytest_isolation.guarantees.verdicts import Control, Verdict
from pytest_isolation.report import (
    answer,
    costs,
    depth,
    flow,
    given,
    hosts,
    nested,
    pairs,
    proof,
    refused,
    summary,
    support,
)
from pytest_isolation.report.cells import matrix
from pytest_isolation.report.doors import differences
from pytest_isolation.report.grid import Grid, fitting
from pytest_isolation.report.lines import Paint, cut, painted, plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_isolation.report.answer import Answer
    from pytest_isolation.report.cells import Matrix
    from pytest_isolation.report.run import Run

TALLY = "hold, of what could be asked"


FALLS = 6
"""Layers that a box is told to rest on, in a run that is not verbose."""
FLOWS = 8
"""Flows of one search, in such a run."""


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


def render(run: Run, *, width: int = 100, color: bool = False, verbose: bool = False) -> str:
    """What a person wants to know at the end of a run: the answer first, the result last; all of it where `verbose`."""
    paint = painted if color else plain
    whole = matrix(run)
    part = whole if verbose else answer.deviating(whole)
    told = answer.answers(run)
    grid = Grid(whole, width)
    shown = grid if verbose else Grid(part, width, totals=False, labels=grid.labels)
    sections = [
        list(_answers(told, grid, width, paint)),
        *_most_serious(told, width, paint),
        *_counts(whole, grid, width, paint),
        *shown.tables(paint),
        _doors(run, width),
        list(_pairs(run, width, paint)),
        list(_nested(run, width, paint)),
        *proof.required(run, width, paint),
        proof.accepted(run, width, paint) if verbose else [],
        _groups("vacuous or inconclusive: these rows say nothing about the box", summary.undecided(run), width),
        *(_on_request(run, width, paint) if verbose else ()),
        *_costs(run, width, paint),
        list(_depth(run, width, paint, verbose=verbose)),
        list(_flow(run, width, paint, verbose=verbose)),
        list(_refused(run, width, paint)),
        list(_hosts(run, width, paint)),
        header(run, width=width),
        *_support(run, width, paint, verbose=verbose),
        [line for proof in summary.silent_proofs(run) for line in wrapped(f"proof: {proof}", width, "       ")],
        [line for note in run.notes for line in _note(note, width)],
        [] if verbose else _left_out(run, whole, part, width),
    ]
    text = "\n\n".join("\n".join(section) for section in sections if section)
    bottom = summary.bottom_line(run)
    colour = "red" if bottom.endswith("FAILED") else "green"
    last = "\n".join(paint(line, colour) for line in wrapped(bottom, width))
    return f"{text}\n\n{last}\n"


def _on_request(run: Run, width: int, paint: Paint) -> Iterator[list[str]]:
    yield _groups("unsupported: the box cannot be asked", summary.unsupported(run), width)
    yield _groups("unproven: no box on this machine could be the control", summary.unproven(run), width)
    yield _groups(
        "carried over: measured by an earlier run, since when nothing of them has changed", summary.carried(run), width
    )
    yield list(_given(run, width))


def _left_out(run: Run, whole: Matrix, part: Matrix, width: int) -> list[str]:
    """What -v says more."""
    rows = sum(len(one) for _, one in whole.domains) - sum(len(one) for _, one in part.domains)
    held = [row for row in run.results if row.verdict is Verdict.HOLDS and row.sibling is None]
    counts = {
        f"{rows} guarantee{'' if rows == 1 else 's'} that hold{'s' if rows == 1 else ''} or cannot be asked": rows,
        "the proof of each violation": bool(summary.accepted(run)),
        "why some could not be asked": any(row.verdict is Verdict.UNSUPPORTED for row in run.results),
        "which hold unproven": any(row.control is Control.NONE for row in held),
        "which rows are carried over": any(row.carried for row in run.results),
        "what each box was given of its host": any(box.given for box in run.boxes),
    }
    said = [words for words, number in counts.items() if number]
    return wrapped(f"pytest -v says more: {', '.join(said)}.", width, "    ") if said else []


def _answers(told: Iterable[Answer], grid: Grid, width: int, paint: Paint) -> Iterator[str]:
    """A verdict a box; of many boxes the verdict alone."""
    listed = list(told)
    names = {box: label if label == box else f"{label} = {box}" for box, label in grid.labels.items()}
    across = max((len(names.get(one.box, one.box)) for one in listed), default=0)
    for one in listed:
        text = f"{names.get(one.box, one.box):<{across}}  {one.head if len(listed) > answer.MANY else one.text}"
        first, *more = wrapped(text, width, " " * (across + 2))
        yield from (paint(line, one.colour) for line in (first, *more))


def _most_serious(told: Sequence[Answer], width: int, paint: Paint) -> Iterator[list[str]]:
    found = answer.most_serious(told)
    if not found:
        return
    lines = [paint("what matters most, and what to do about it", "bold")]
    for boxes, cause in found:
        lines += wrapped(f"  {', '.join(boxes)}: {cause.head}", width, "    ")
        lines += [
            line for label, text in cause.lines for line in wrapped(f"      {label}: {text}", width, "          ")
        ]
    for boxes, ways in answer.further_ways_out(told):
        lines += wrapped(f"  {', '.join(boxes)}, further: {ways}", width, "    ")
    yield lines


def _counts(shown: Matrix, grid: Grid, width: int, paint: Paint) -> Iterator[list[str]]:
    """A line a domain: how many hold of what could be asked."""
    found = answer.counts(shown)
    if not found.lines:
        return
    names = {domain: words_of(domain) for domain, _ in found.lines}
    first = max(len(TALLY), *map(len, names.values()))
    cells = dict(zip(found.columns, zip(*(line for _, line in found.lines), found.total, strict=True), strict=True))
    widths = {column: max(len(grid.labels[column]), *map(len, cells[column])) + 2 for column in found.columns}
    for some in fitting(found.columns, widths, width - first):
        heads = [*names.values(), "all"]
        lines = [paint(f"{TALLY:<{first}}" + "".join(f"{grid.labels[one]:>{widths[one]}}" for one in some), "bold")]
        for number, head in enumerate(heads):
            lines.append(
                f"{head:<{first}}"
                + "".join(paint(f"{cells[one][number]:>{widths[one]}}", _tone(cells[one][number])) for one in some)
            )
        yield lines


def _tone(cell: str) -> str:
    held, _, asked = cell.partition("/")
    return "dim" if not asked else "green" if held == asked else "yellow"


def _given(run: Run, width: int) -> Iterator[str]:
    found = given.together(run.boxes)
    if found:
        yield "what each box was given of its host"
    for names, lines in found:
        yield from wrapped(f"  {', '.join(names)}", width, "    ")
        yield from (part for line in lines for part in wrapped(f"      {line}", width, "        "))


def _costs(run: Run, width: int, paint: Paint) -> Iterator[list[str]]:
    """A line a figure, a column a box; then what the words mean, and which figures lack."""
    found = costs.table(run)
    if found is None:
        return
    first = max(len(title) for _, title, _ in found.lines)
    cells = {name: [line[2][number] for line in found.lines] for number, name in enumerate(found.columns)}
    widths = {name: max(len(name), *map(len, held)) + 2 for name, held in cells.items()}
    for some in fitting(found.columns, widths, width - first):
        head = f"{'what a box costs':<{first}}" + "".join(f"{name:>{widths[name]}}" for name in some)
        yield [
            paint(head, "bold"),
            *(
                f"{title:<{first}}" + "".join(f"{cells[name][number]:>{widths[name]}}" for name in some)
                for number, (_, title, _) in enumerate(found.lines)
            ),
        ]
    told = (*costs.legend(run), *costs.notes(run), *costs.whys(run))
    yield [line for one in told for line in wrapped(f"  {one}", width, "    ")]
    if run.trade:
        lines = [paint("what is said of boxes, and what was measured", "bold")]
        for row in run.trade:
            lines += wrapped(f"  {row.says} {row.answer.upper()}", width, "    ")
            lines += wrapped(f"      {row.figure}", width, "      ")
        yield lines


def _depth(run: Run, width: int, paint: Paint, *, verbose: bool) -> Iterator[str]:
    """A line a box, and its single points of failure: the first of them, all where `verbose`."""
    found = depth.told(run)
    if found:
        yield paint("on how many layers it rests", "bold")
    for one in found:
        yield from wrapped(f"  {one.box}: {one.head}", width, "    ")
        shown = one.falls if verbose else one.falls[:FALLS]
        for fall in shown:
            yield from wrapped(f"      {fall.line(None if verbose else depth.FEW)}", width, "          ")
        if len(one.falls) > len(shown):
            yield f"      and {len(one.falls) - len(shown)} sets of layers more: pytest -v, or the report"
        if verbose and one.firm:
            yield from wrapped(f"      broken by nothing that was opened: {', '.join(one.firm)}", width, "          ")
        for note in one.notes:
            yield from wrapped(f"      {note}", width, "          ")
    if found:
        yield from wrapped(f"  {depth.LEGEND}", width, "    ")


def _flow(run: Run, width: int, paint: Paint, *, verbose: bool) -> Iterator[str]:
    """A line a search, and what it found: the first of them, all where `verbose`."""
    found = flow.told(run)
    if found:
        yield paint("what flows between boxes and their host", "bold")
    for one in found:
        yield from wrapped(f"  {one.title}: {one.head}", width, "    ")
        shown = one.findings if verbose else one.findings[:FLOWS]
        for finding in shown:
            yield from wrapped(f"      {flow.line(finding)}", width, "          ")
            if verbose:
                yield from wrapped(f"          {flow.figures(finding)}", width, "          ")
                yield from wrapped(f"          {finding.source or 'no document that we know of'}", width, "          ")
        if len(one.findings) > len(shown):
            yield f"      and {len(one.findings) - len(shown)} more: pytest -v, or the report"
        for note in one.notes:
            yield from wrapped(f"      {note}", width, "          ")
        for control in one.controls:
            yield from wrapped(f"      control: {control}", width, "          ")
    if found:
        yield from wrapped(f"  {flow.LEGEND}", width, "    ")


def _refused(run: Run, width: int, paint: Paint) -> Iterator[str]:
    """A line for each set of layers and box, with what it refuses."""
    found = refused.told(run)
    if found:
        yield paint("which layer refuses", "bold")
    for one in found:
        yield from wrapped(f"  {one.box}: {one.line()}", width, "    ")
    if found:
        yield from wrapped(f"  {refused.LEGEND}", width, "    ")


def _hosts(run: Run, width: int, paint: Paint) -> Iterator[str]:
    """A line for each machine that measured, the lost first."""
    if run.hosts:
        yield paint(hosts.TITLE.lower(), "bold")
    for bad, line in hosts.lines(run):
        yield from (paint(one, "red") if bad else one for one in wrapped(f"  {line}", width, "    "))


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


def _nested(run: Run, width: int, paint: Paint) -> Iterator[str]:
    """A line for each box in a box, and one for each way in which what its two keep alone got lost."""
    found = nested.told(run)
    if found:
        yield paint("a box in a box", "bold")
    for one in found:
        yield from wrapped(f"  {one.box}: {one.head}", width, "    ")
        for line in one.lines:
            yield from wrapped(f"      {line}", width, "          ")


# -- host support ----------------------------------------------------------------------


def _support(run: Run, width: int, paint: Paint, *, verbose: bool) -> Iterator[list[str]]:
    """Where boxes were measured, what the kernel lacks for them; else what can run, every feature, and why not."""
    columns = support.columns(run)
    if not columns:
        return
    if run.boxes:
        if verbose:
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
