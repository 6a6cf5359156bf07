"""The run as Markdown: the matrix as tables, every violation with its evidence, the proving calls marked `>`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.guarantees.domains import title_of, words_of
from pytest_isolation.report import answer, costs, depth, flow, given, hosts, nested, pairs, refused, summary, support
from pytest_isolation.report.cells import Matrix, matrix
from pytest_isolation.report.doors import differences, doors_of, named, places
from pytest_isolation.report.lines import printable
from pytest_isolation.report.why import lines as reasons
from pytest_isolation.report.why import together

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_isolation.report.cells import Matrix
    from pytest_isolation.report.run import ResultRow, Run


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """`width` and `color` mean nothing here; every renderer takes them."""
    if any(one.whole and one.rows for one in run.sections) and all(box.submission for box in run.boxes):
        return "\n\n".join((*_sections(run), *(f"- {_prose(note)}" for note in run.notes))) + "\n"
    seed = f"; seed {run.run.seed}" if run.run.seed is not None else ""
    parts = [
        "# What these boxes isolate",
        f"{summary.host_line(run)}{seed}; pytest-isolation {run.tool.version}; {run.run.started}; "
        f"{run.run.seconds:g} s. Run as `{' '.join(('pytest', *run.run.argv))}`.",
        f"**{summary.bottom_line(run)}**",
        *([f"- {_line(note)}" for note in (*run.notes, *summary.silent_proofs(run))]),
        *_hosts(run),
        *_answer(run),
        *_counts(run),
        *_matrix(run, "What does not hold", answer.deviating(matrix(run))),
        *_doors(run),
        *_pairs(run),
        *_nested(run),
        *_broken(run),
        *_groups("Vacuous or inconclusive", summary.undecided(run)),
        *_costs(run),
        *_depth(run),
        *_flow(run),
        *_refused(run),
        *_boxes(run),
        *_given(run),
        *_accepted(run),
        *_groups("Unsupported", summary.unsupported(run)),
        *_groups("Unproven: no box on this machine could be the control", summary.unproven(run)),
        *_groups("Carried over: measured by an earlier run", summary.carried(run)),
        *_matrix(run, "Guarantees", matrix(run)),
        *_support(run),
        *_sections(run),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(run: Run) -> Iterator[str]:
    """The pages of other plugins; where there is only what JSON says, its rows."""
    for one in run.sections:
        if one.page or not one.rows:
            yield from one.page
            continue
        head = list(dict.fromkeys(key for row in one.rows for key in row))
        yield f"## {_prose(one.key)}"
        yield table(head, ([str(row.get(key, "")) for key in head] for row in one.rows))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A pipe table; what its cells say is escaped."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _boxes(run: Run) -> Iterator[str]:
    if not run.boxes:
        return
    yield "## Boxes"
    rows = []
    for box in run.boxes:
        spec = ", ".join(f"{key} = {value}" for key, value in box.spec.items() if key != "facts")
        said = [summary.box_line(box), *([f"do: {box.remedy}"] if box.remedy else []), *box.notes]
        rows.append([box.name, box.technology, spec, summary.facts(box), "; ".join(said)])
    yield table(["box", "technology", "spec", "facts", ""], rows)


def _costs(run: Run) -> Iterator[str]:
    found = costs.table(run)
    if found is None:
        return
    yield "## What a box costs"
    yield table(["", *found.columns], ([title, *cells] for _, title, cells in found.lines))
    yield "\n".join(f"- {_line(one)}" for one in (*costs.legend(run), *costs.notes(run), *costs.whys(run)))
    if run.trade:
        yield "## What is said of boxes, and what was measured"
        yield table(
            ["sentence", "", "figure", "source"], ([row.says, row.answer, row.figure, row.source] for row in run.trade)
        )


def _depth(run: Run) -> Iterator[str]:
    found = depth.told(run)
    if found:
        yield "## On how many layers it rests"
        yield _line(depth.LEGEND)
    for one in found:
        yield f"### {_line(one.box)}"
        yield _line(one.head)
        yield table(
            ["box", "fall", "guarantees", "holes"],
            ([fall.change, str(fall.number), ", ".join(fall.guarantees), ", ".join(fall.holes)] for fall in one.falls),
        )
        firm = [f"broken by nothing that was opened: {', '.join(one.firm)}"] if one.firm else []
        yield "\n".join(f"- {_line(said)}" for said in (*firm, *one.notes))


def _flow(run: Run) -> Iterator[str]:
    found = flow.told(run)
    if found:
        yield "## What flows between boxes and their host"
        yield _line(flow.LEGEND)
    for one in found:
        yield f"### {_line(one.title)}"
        yield _line(one.head)
        if one.findings:
            yield table(flow.ROW, map(flow.row, one.findings))
        said = (*one.notes, *(f"control: {control}" for control in one.controls))
        if said:
            yield "\n".join(f"- {_line(line)}" for line in said)


def _refused(run: Run) -> Iterator[str]:
    found = refused.told(run)
    if found:
        yield "## Which layer refuses"
        yield _line(refused.LEGEND)
        yield table(
            ["box", "layer", "guarantees", "opened by"],
            ([one.box, one.layers, ", ".join(one.guarantees), ", ".join(one.opened)] for one in found),
        )


def _given(run: Run) -> Iterator[str]:
    found = given.together(run.boxes, whole=True)
    if found:
        yield "## What each box was given of its host"
    for names, lines in found:
        yield f"### {', '.join(map(_line, names))}"
        yield "\n".join(f"- {_line(line)}" for line in lines)


def _answer(run: Run) -> Iterator[str]:
    """As the terminal begins."""
    told = answer.answers(run)
    if told:
        yield "\n".join(f"- **{_prose(one.box)}**: {_line(one.text)}" for one in told)
    found = answer.most_serious(told)
    if found:
        yield "## What matters most, and what to do about it"
        lines = [
            line
            for boxes, cause in found
            for line in (
                f"- {_line(', '.join(boxes))}: {_line(cause.head)}",
                *(f"  - {label}: {_line(text)}" for label, text in cause.lines),
            )
        ]
        lines += [
            f"- {_line(', '.join(boxes))}, further: {_line(ways)}" for boxes, ways in answer.further_ways_out(told)
        ]
        yield "\n".join(lines)


def _counts(run: Run) -> Iterator[str]:
    found = answer.counts(matrix(run))
    if found.lines:
        yield "## How many hold, of what could be asked"
        lines = [[words_of(domain), *cells] for domain, cells in found.lines]
        yield table(["", *found.columns], [*lines, ["all", *found.total]])


def _matrix(run: Run, title: str, shown: Matrix) -> Iterator[str]:
    if not shown.columns or not shown.domains:
        return
    yield f"## {title}"
    for domain, guarantees in shown.domains:
        yield f"### {title_of(domain)}"
        rows = [
            [f"`{one.id}`", one.claim, *(shown.of(one, column).word for column in shown.columns)]
            for one in shown.lines(guarantees)
        ]
        yield table(["id", "guarantee", *shown.columns], rows)
    yield "\n".join(f"- `{sign.word}`: {sign.meaning}" for sign in shown.used())


def _doors(run: Run) -> Iterator[str]:
    found = differences(run)
    if found:
        yield "## The doors differ"
        yield "\n".join(f"- {_line(one.words)}" for one in found)


def _hosts(run: Run) -> Iterator[str]:
    found = list(hosts.lines(run))
    if found:
        yield f"## {hosts.TITLE}"
        yield "\n".join(f"- **{_line(line)}**" if bad else f"- {_line(line)}" for bad, line in found)


def _nested(run: Run) -> Iterator[str]:
    found = nested.told(run)
    if found:
        yield "## A box in a box"
    for one in found:
        yield f"**{_line(one.box)}**: {_line(one.head)}."
        if one.lines:
            yield "\n".join(f"- {_line(line)}" for line in one.lines)


def _pairs(run: Run) -> Iterator[str]:
    said = pairs.headline(run)
    if said is None:
        return
    yield "## Pairs"
    yield (
        f"{said}. A row is the box that acts or holds, a column the one beside it; "
        "a number says how many of the guarantees that could be asked are not kept."
    )
    yield table(*pairs.table(run))
    for guarantee, between, row in pairs.violated(run):
        yield f"### `{guarantee}` between two boxes"
        yield _line(between)
        yield from _evidence(row)


def _support(run: Run) -> Iterator[str]:
    columns = support.columns(run)
    if not columns:
        return
    titles = list(support.titles(run).values())
    yield "## Host support"
    if said := support.legend(run):
        yield "\n".join(f"- {_line(one)}" for one in said)
    yield table(
        ["technology", *titles],
        [
            [name, *(support.verdict(cells[column]) if column in cells else "" for column in columns)]
            for name, cells in support.technologies(run).items()
        ],
    )
    lacks = [
        f"- {_line(lack.head)}: {_line(lack.cause)}" + (f" (do: {_line(lack.remedy)})" if lack.remedy else "")
        for lack in support.lacks(run, asked_for=False)
    ]
    if lacks:
        yield "### What does not work, and why"
        yield "\n".join(lacks)
    yield "### Features"
    yield table(
        ["feature", "for", "tried by", *titles],
        [
            [f"`{id}`", row.what, row.tried, *(cells[one].status if one in cells else "" for one in columns)]
            for id, cells in support.features(run).items()
            for row in [next(iter(cells.values()))]
        ],
    )
    said = support.disagreements(run)
    if said:
        yield "### The configuration says otherwise"
        yield "\n".join(f"- {_line(one)}" for one in said)


def _broken(run: Run) -> Iterator[str]:
    rows, doors = summary.broken(run), doors_of(run)
    if rows:
        yield "## Violated, and required"
    for where, row in named(rows, doors):
        yield f"### `{row.guarantee}` in {where}"
        if row.note:
            yield _line(row.note)
        yield from _evidence(row)
        if said := reasons(run, row):
            yield "\n".join(f"- {label}: {_line(text)}" for label, text in said)


def _accepted(run: Run) -> Iterator[str]:
    groups = summary.accepted(run)
    if groups:
        yield "## Violated, not required"
    for rows in groups:
        named = places(rows, doors_of(run))
        yield f"### `{rows[0].guarantee}`"
        for box, held in named.items():
            yield _line(f"{box}: {held[0].note}" if held[0].note else box)
            yield from _evidence(held[0])
        if said := together(run, ((box, held[0]) for box, held in named.items())):
            yield "\n".join(
                f"- {_line(text + (' (' + ', '.join(boxes) + ')' if boxes else ''))}" for text, boxes in said
            )


def _evidence(row: ResultRow) -> Iterator[str]:
    if row.reason:
        yield _line(row.reason)
    for evidence in row.evidence:
        lines = list(evidence.proving)
        lines += [f"# observed: {name} = {value}" for name, value in evidence.observed.items()]
        more = [f"# with {name} = {value}" for name, value in evidence.example.items()]
        if len(evidence.calls) > len(evidence.proving):
            more += [f"{'> ' if n in evidence.proof else '  '}{call}" for n, call in enumerate(evidence.calls)]
        lines += ["", *more] if lines and more else more
        if lines:
            text = "\n".join(map(printable, lines))
            fence = "`" * max(3, _longest_run(text) + 1)
            yield f"{fence}text\n{text}\n{fence}"


def _groups(title: str, groups: Iterable[summary.Group]) -> Iterator[str]:
    lines = []
    for group in groups:
        remedy = f" (do: {group.remedy})" if group.remedy else ""
        lines.append(f"- {_line(group.reason + remedy)}: {group.cells}")
    if lines:
        yield f"## {title}"
        yield "\n".join(lines)


def _longest_run(text: str) -> int:
    """Of backquotes."""
    longest = here = 0
    for char in text:
        here = here + 1 if char == "`" else 0
        longest = max(longest, here)
    return longest


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _line(text: str) -> str:
    """One line without HTML: what came from a box is data."""
    return printable(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")


def _prose(text: str) -> str:
    """As `_line`, without markup either."""
    return "".join(f"\\{char}" if char in "*_`[]|" else char for char in _line(text))
