"""The run as one HTML file: no network, no script needed, light and dark, phone and paper.

page.html.jinja is the page; here is what it is given: the words of answer.py, the matrix, and an article for each
guarantee (articles.py).  A script adds the filters, and opens what a cell leads to.  Where there are thousands of
them, elements are without the end tags that HTML lets a page leave out: a twentieth of a large page.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees.domains import title_of, words_of
from pytest_isolation.guarantees.severity import TITLES, Severity
from pytest_isolation.report import answer, costs, depth, flow, given, hosts, nested, pairs, refused, summary, support
from pytest_isolation.report.articles import Writer, anchor, cell_anchor, is_fine, program_of
from pytest_isolation.report.cells import matrix
from pytest_isolation.report.doors import differences, doors_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2 import Template

    from pytest_isolation.report.cells import Matrix
    from pytest_isolation.report.run import GuaranteeRow, ResultRow, Run

CALLS = (12, 6, 3, 1)
"""Of the program that broke a promise, the last.  The JSON report has all.  Of a large run fewer are shown."""
LARGEST = 1_500_000
"""Bytes of a page that a phone opens at once."""

PALETTE: Mapping[str, Mapping[str, str]] = {
    "light": {
        "page": "#ffffff", "panel": "#f4f5f7", "line": "#c4c8ce", "ink": "#1b1f24", "soft": "#4b535d",
        "link": "#0b57b0", "good": "#17692a", "warn": "#7a4d00", "bad": "#a3151c", "dim": "#5a626c",
    },
    "dark": {
        "page": "#14171b", "panel": "#1f242a", "line": "#454d57", "ink": "#e8eaed", "soft": "#b4bcc6",
        "link": "#8ab8ff", "good": "#7fd492", "warn": "#f0b95a", "bad": "#ff8e88", "dim": "#a3abb5",
    },
}  # fmt: skip
"""Names of colours -> colours.  Every ink has a contrast of 4.5 on `page` and on `panel` (WCAG 2.2, 1.4.3)."""
INKS = ("ink", "soft", "link", "good", "warn", "bad", "dim")
TONES = {"green": "good", "cyan": "good", "yellow": "warn", "red": "bad", "dim": "dim", "bold": "ink"}
"""Colour of a sign -> a name of PALETTE."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A place in the matrix, linked to its article."""

    word: str
    tone: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Line:
    """Of the matrix."""

    id: str
    claim: str
    anchor: str
    severity: str
    cells: tuple[Cell, ...]
    fine: bool
    """It holds in every box that could be asked."""


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """`width` and `color` mean nothing here; every renderer takes them."""
    alone = [one.html for one in run.sections if one.whole and one.html and one.rows]
    if alone and all(box.submission for box in run.boxes):
        return alone[0]
    for calls in CALLS:
        text = _page(run, calls)
        if len(text.encode(errors="replace")) <= LARGEST:
            break
    return text


def _page(run: Run, calls: int) -> str:
    """`calls`: shown of each program, the last of them, at most."""
    shown, told = matrix(run), answer.answers(run)
    write = writer(run, shown, calls)
    text = _template().render(
        run=run,
        palette=PALETTE,
        machine=summary.host_line(run),
        bottom=summary.bottom_line(run),
        failed=summary.bottom_line(run).endswith("FAILED"),
        answers=[(one, TONES[one.colour]) for one in told],
        serious=answer.most_serious(told),
        further=answer.further_ways_out(told),
        counts=answer.counts(shown),
        words_of=words_of,
        columns=shown.columns,
        matrix=[(title_of(domain), _lines(shown, rows)) for domain, rows in shown.domains],
        legend=[(sign, TONES[sign.colour]) for sign in shown.used()],
        severities=TITLES,
        articles=[
            (title_of(domain), [write.article(row) for row in rows])
            for domain, rows in shown.domains
        ],
        sources=list(write.sources),
        doors=[one.words for one in differences(run)],
        hosts_title=hosts.TITLE,
        hosts=list(hosts.lines(run)),
        nested=nested.told(run),
        pairs=pairs.headline(run),
        pairs_table=pairs.table(run) if pairs.headline(run) else None,
        pairs_broken=[(id, between, _seen_program(row, calls)) for id, between, row in pairs.violated(run)],
        groups=[
            ("Vacuous or inconclusive: these rows say nothing about the box", summary.undecided(run)),
            ("Could not be asked", summary.unsupported(run)),
            ("Hold unproven: no box on this machine could be the control", summary.unproven(run)),
            ("Carried over: measured by an earlier run", summary.carried(run)),
        ],
        costs=costs.table(run),
        depth=depth.told(run),
        depth_legend=depth.LEGEND,
        flow=flow.told(run),
        flow_row=flow.row,
        flow_columns=flow.ROW,
        flow_legend=flow.LEGEND,
        refused=refused.told(run),
        refused_legend=refused.LEGEND,
        costs_said=(*costs.legend(run), *costs.notes(run), *costs.whys(run)),
        charts=costs.charts(run),
        chart_width=costs.WIDTH,
        chart_line=costs.LINE,
        chart_labels=costs.LABELS,
        boxes=[(box, summary.box_line(box), _spec(box.spec), summary.facts(box)) for box in run.boxes],
        given=given.together(run.boxes, whole=True),
        lacking=[f"{name}: {support.verdict(row)}" for name, row in support.missing(run).items()],
        notes=(*run.notes, *summary.silent_proofs(run)),
        sections=[(one.key, list(dict.fromkeys(key for row in one.rows for key in row)), one.rows)
                  for one in run.sections if one.rows],
    )  # fmt: skip
    return f"{text}\n"


def writer(run: Run, shown: Matrix, calls: int) -> Writer:
    """Of a run's articles; `calls` as of CALLS."""
    rows: dict[str, list[ResultRow]] = {}
    for row in run.results:
        if row.sibling is None:
            rows.setdefault(row.guarantee, []).append(row)
    sources = dict.fromkeys(row.claim_source for row in run.results if row.sibling is None and row.claim_source)
    return Writer(
        run=run,
        shown=shown,
        doors=doors_of(run),
        calls=calls,
        sources={source: number for number, source in enumerate(sources, 1)},
        tones=TONES,
        technologies={box.name: box.technology for box in run.boxes},
        rows=rows,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.from_string((files("pytest_isolation.report") / "page.html.jinja").read_text(encoding="utf-8"))


def _spec(spec: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in spec.items() if key != "facts")


def _lines(shown: Matrix, rows: Iterable[GuaranteeRow]) -> list[Line]:
    found = []
    for line in shown.lines(rows):
        first = line.members[0]
        cells = []
        for column in shown.columns:
            sign = shown.of(line, column)
            fine = is_fine(shown.cells.get((first.id, column), ()))
            cells.append(Cell(sign.word, TONES[sign.colour], cell_anchor(shown, first.id, None if fine else column)))
        fine = all(is_fine(shown.cells.get((first.id, column), ())) for column in shown.columns)
        found.append(Line(line.id, line.claim, anchor(first.id), first.severity or "", tuple(cells), fine))
    return found


def _seen_program(row: ResultRow, calls: int) -> list[str]:
    return [call for _, call in program_of(row.evidence[:1], calls)[0]]


assert set(TITLES) == set(Severity)
