"""The run as one HTML file: no network, no script needed, light and dark, phone and paper.

page.html.jinja is the page; here is what it is given: the words of answer.py, the matrix, and an article for each
guarantee with what was seen on each box.  A script adds the filters, and opens what a cell leads to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees.domains import title_of, words_of
from pytest_isolation.guarantees.severity import TITLES, Severity
from pytest_isolation.guarantees.verdicts import Control, Verdict
from pytest_isolation.report import answer, costs, given, pairs, summary, support
from pytest_isolation.report.cells import HELD, UNMEASURED, UNSUPPORTED, matrix, sign_of
from pytest_isolation.report.doors import differences, doors_of, places
from pytest_isolation.report.lines import cut
from pytest_isolation.report.why import lines as reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2 import Template

    from pytest_isolation.report.cells import Matrix, Sign
    from pytest_isolation.report.run import Evidence, GuaranteeRow, ResultRow, Run

CALLS = 12
"""Of the program that broke a promise, the last.  The JSON report has all."""
WIDEST = 400
"""Letters of a line of evidence."""

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


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one guarantee, on the boxes that say the same of it."""

    anchor: str
    places: tuple[str, ...]
    word: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    """(label, text)."""
    program: tuple[tuple[bool, str], ...] = ()
    """(whether it proves it, the call)."""
    left: int = 0
    """Calls before the first of `program`."""


@dataclass(frozen=True, slots=True)
class Article:
    row: GuaranteeRow
    anchor: str
    title: str
    seen: tuple[Seen, ...]
    fine: bool
    common: tuple[tuple[str, str], ...] = ()
    """Facts of all of `seen`, which do not have them again."""


def render(run: Run, *, width: int = 100, color: bool = False) -> str:
    """`width` and `color` mean nothing here; every renderer takes them."""
    alone = [one.html for one in run.sections if one.whole and one.html and one.rows]
    if alone and all(box.submission for box in run.boxes):
        return alone[0]
    shown = matrix(run)
    told = answer.answers(run)
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
            (title_of(domain), [_article(run, shown, row) for row in rows])
            for domain, rows in shown.domains
        ],
        doors=[one.words for one in differences(run)],
        pairs=pairs.headline(run),
        pairs_table=pairs.table(run) if pairs.headline(run) else None,
        pairs_broken=[(id, between, _seen_program(row)) for id, between, row in pairs.violated(run)],
        groups=[
            ("Vacuous or inconclusive: these rows say nothing about the box", summary.undecided(run)),
            ("Could not be asked", summary.unsupported(run)),
            ("Hold unproven: no box on this machine could be the control", summary.unproven(run)),
            ("Carried over: measured by an earlier run", summary.carried(run)),
        ],
        costs=costs.table(run),
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


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.from_string((files("pytest_isolation.report") / "page.html.jinja").read_text(encoding="utf-8"))


def _spec(spec: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in spec.items() if key != "facts")


def anchor(guarantee: str, box: str | None = None, columns: tuple[str, ...] = ()) -> str:
    """What a link to a guarantee, or to what a box did with it, leads to: of letters that an id may have."""
    return f"g-{guarantee}" + (f"--{columns.index(box)}" if box in columns else "")


def _fine(signs: Iterable[Sign]) -> bool:
    return all(sign in (*HELD, UNSUPPORTED, UNMEASURED) for sign in signs)


def _lines(shown: Matrix, rows: Iterable[GuaranteeRow]) -> list[Line]:
    found = []
    for line in shown.lines(rows):
        first = line.members[0]
        cells = []
        for column in shown.columns:
            sign = shown.of(line, column)
            fine = _fine(shown.cells.get((first.id, column), ()))
            cells.append(Cell(sign.word, TONES[sign.colour], anchor(first.id, None if fine else column, shown.columns)))
        fine = all(_fine(shown.cells.get((first.id, column), ())) for column in shown.columns)
        found.append(Line(line.id, line.claim, anchor(first.id), first.severity or "", tuple(cells), fine))
    return found


def _article(run: Run, shown: Matrix, row: GuaranteeRow) -> Article:
    rows = [one for one in run.results if one.guarantee == row.id and one.sibling is None]
    signs = [sign for column in shown.columns for sign in shown.cells.get((row.id, column), ())]
    title = f"{row.id}: {row.consequence}" if row.consequence and not _fine(signs) else row.id
    seen = _seen(run, shown, rows)
    common = tuple(fact for fact in seen[0].facts if all(fact in one.facts for one in seen)) if len(seen) > 1 else ()
    seen = tuple(replace(one, facts=tuple(fact for fact in one.facts if fact not in common)) for one in seen)
    return Article(row, anchor(row.id), title, seen, _fine(signs), common)


def _seen(run: Run, shown: Matrix, rows: list[ResultRow]) -> tuple[Seen, ...]:
    """What does not hold has a paragraph of each box; what holds, or could not be asked, alike, is one."""
    alike: dict[tuple[object, ...], list[str]] = {}
    found: list[Seen] = []
    for place, held in places(rows, doors_of(run)).items():
        row, sign = held[0], sign_of(held[0])
        facts = _facts(run, row)
        if _fine((sign,)):
            alike.setdefault((sign.word, TONES[sign.colour], facts), []).append(place)
            continue
        program, left = _program(row.evidence[:1])
        found.append(Seen(_place(row, found, shown), (place,), sign.word, TONES[sign.colour], facts, program, left))
    found += [
        Seen("", tuple(boxes), str(word), str(tone), facts)  # type: ignore[arg-type]  # the key's third is a tuple
        for (word, tone, facts), boxes in alike.items()
    ]
    return tuple(found)


def _place(row: ResultRow, found: Iterable[Seen], shown: Matrix) -> str:
    """The anchor of the first paragraph of a box; one of its other door has none."""
    at = anchor(row.guarantee, row.box, shown.columns)
    return "" if any(one.anchor == at for one in found) else at


def _facts(run: Run, row: ResultRow) -> tuple[tuple[str, str], ...]:
    """What a reader may ask of a row: (label, text)."""
    said: list[tuple[str, str]] = []
    for evidence in row.evidence[:1]:
        said += [("witness", cut(f"{name} = {value}", WIDEST)) for name, value in evidence.observed.items()]
        said += [("with", cut(f"{name} = {value}", WIDEST)) for name, value in evidence.example.items()]
    if row.reason:
        said.append(("why", row.reason))
    if row.verdict is Verdict.VIOLATED:
        said += reasons(run, row)
    elif row.remedy:
        said.append(("do", row.remedy))
    if row.verdict is not Verdict.UNSUPPORTED:
        control = f"{row.control}" + (f" on {row.control_box}" if row.control_box else "")
        said.append(("control", control if row.control is not Control.NONE else "none on this machine"))
        said.append(("decided by", f"{row.oracle}, {row.examples} examples, {row.coverage}"))
    claim = f"{row.claim}" + (f": {row.claim_source}" if row.claim_source else "")
    said.append(("claim", claim + (f"; required by {row.required_by}" if row.required_by else "")))
    if row.remark:
        said.append(("seen", row.remark))
    if row.carried:
        said.append(("carried over", f"measured by the run of {row.carried}"))
    return tuple(said)


def _program(evidence: Iterable[Evidence]) -> tuple[tuple[tuple[bool, str], ...], int]:
    """(the last calls, how many were before them)."""
    for one in evidence:
        calls = [(number in one.proof, cut(call, WIDEST)) for number, call in enumerate(one.calls)]
        return tuple(calls[-CALLS:]), max(0, len(calls) - CALLS)
    return (), 0


def _seen_program(row: ResultRow) -> list[str]:
    return [call for _, call in _program(row.evidence[:1])[0]]


assert set(TITLES) == set(Severity)
