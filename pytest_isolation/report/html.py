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
from pytest_isolation.report import answer, costs, depth, flow, given, hosts, nested, pairs, refused, summary, support
from pytest_isolation.report.cells import HELD, UNMEASURED, UNSUPPORTED, matrix, sign_of
from pytest_isolation.report.doors import differences, doors_of, places
from pytest_isolation.report.lines import cut
from pytest_isolation.report.why import lines as reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jinja2 import Template

    from pytest_isolation.report.cells import Matrix, Sign
    from pytest_isolation.report.doors import Doors
    from pytest_isolation.report.run import Evidence, GuaranteeRow, ResultRow, Run

CALLS = (12, 6, 3, 1)
"""Of the program that broke a promise, the last.  The JSON report has all.  Of a large run fewer are shown."""
LARGEST = 1_500_000
"""Bytes of a page that a phone opens at once."""
DRAWN = "data(...)"
"""What Hypothesis says of values that were drawn while the check ran: they are in the program."""
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
    bad: bool = False
    """It does not hold, or was not decided."""
    as_of: str = ""
    """The place before it that did the same but for numbers and names of the run; `program` is then what proves it."""
    alike: tuple[Alike, ...] = ()


@dataclass(frozen=True, slots=True)
class Alike:
    """A further place of which nothing else is to be told than of a `Seen`: what proves it there, and what was seen."""

    anchor: str
    place: str
    calls: tuple[str, ...]
    seen: str


@dataclass(frozen=True, slots=True)
class Article:
    """What is told of one guarantee."""

    row: GuaranteeRow
    anchor: str
    title: str
    seen: tuple[Seen, ...]
    fine: bool
    common: tuple[tuple[str, str], ...] = ()
    """Facts of all of `seen`, which do not have them again."""
    cell: str = ""
    """What a cell that holds leads to."""
    of_bad: tuple[tuple[str, str], ...] = ()
    """Facts of all of which it does not hold."""


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
    shown, doors = matrix(run), doors_of(run)
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
            (title_of(domain), [_article(run, shown, doors, row, calls) for row in rows])
            for domain, rows in shown.domains
        ],
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


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.from_string((files("pytest_isolation.report") / "page.html.jinja").read_text(encoding="utf-8"))


def _spec(spec: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in spec.items() if key != "facts")


def anchor(guarantee: str) -> str:
    """What a link to a guarantee leads to, in every report of it: of letters that an id may have."""
    return f"g-{guarantee}"


def cell_anchor(shown: Matrix, guarantee: str, box: str | None = None) -> str:
    """The same for a cell, or for what a box did with it: short, since there are thousands, and of this page alone."""
    return f"c{shown.numbers[guarantee]}" + (f"-{shown.columns.index(box)}" if box in shown.columns else "")


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
            cells.append(Cell(sign.word, TONES[sign.colour], cell_anchor(shown, first.id, None if fine else column)))
        fine = all(_fine(shown.cells.get((first.id, column), ())) for column in shown.columns)
        found.append(Line(line.id, line.claim, anchor(first.id), first.severity or "", tuple(cells), fine))
    return found


def _article(run: Run, shown: Matrix, doors: Doors, row: GuaranteeRow, calls: int) -> Article:
    rows = [one for one in run.results if one.guarantee == row.id and one.sibling is None]
    signs = [sign for column in shown.columns for sign in shown.cells.get((row.id, column), ())]
    title = f"{row.id}: {row.consequence}" if row.consequence and not _fine(signs) else row.id
    seen = _seen(run, shown, doors, rows, calls)
    common, seen = _said_once(seen)
    bad = tuple(one for one in seen if one.bad)
    of_bad, bad = _said_once(bad)
    told = (*bad, *(one for one in seen if not one.bad))
    cell = cell_anchor(shown, row.id)
    return Article(row, anchor(row.id), title, told, _fine(signs), common, cell, of_bad)


def _said_once(seen: tuple[Seen, ...]) -> tuple[tuple[tuple[str, str], ...], tuple[Seen, ...]]:
    """(what all of several say, each without that)."""
    if len(seen) < 2:
        return (), seen
    common = tuple(fact for fact in seen[0].facts if all(fact in one.facts for one in seen))
    return common, tuple(replace(one, facts=tuple(fact for fact in one.facts if fact not in common)) for one in seen)


def _seen(run: Run, shown: Matrix, doors: Doors, rows: list[ResultRow], calls: int) -> tuple[Seen, ...]:
    """What does not hold has a paragraph of each box; what holds, or could not be asked, alike, is one."""
    alike: dict[tuple[object, ...], list[str]] = {}
    found: list[Seen] = []
    for place, held in places(rows, doors).items():
        row, sign = held[0], sign_of(held[0])
        facts = _facts(run, row)
        if _fine((sign,)):
            alike.setdefault((sign.word, TONES[sign.colour], facts), []).append(place)
            continue
        program, left = _program(row.evidence[:1], calls)
        found.append(
            Seen(_place(row, found, shown), (place,), sign.word, TONES[sign.colour], facts, program, left, bad=True)
        )
    found = _told_once(_together(found))
    found += [
        Seen("", tuple(boxes), str(word), str(tone), facts)  # type: ignore[arg-type]  # the key's third is a tuple
        for (word, tone, facts), boxes in alike.items()
    ]
    return tuple(found)


OF_ONE = ("witness", "with", "decided by", "seen")
"""Labels of what differs from place to place; the first two are told of each."""


def _together(found: list[Seen]) -> list[Seen]:
    """Those with one cause, remedy, control and claim as one, which tells them once."""
    kept: dict[tuple[object, ...], Seen] = {}
    for one in found:
        key = one.word, one.tone, tuple(fact for fact in one.facts if fact[0] not in OF_ONE)
        if key not in kept:
            kept[key] = one
            continue
        calls = tuple(call for proves, call in one.program if proves)
        told = Alike(
            one.anchor, one.places[0], calls, "; ".join(text for label, text in one.facts if label in OF_ONE[:2])
        )
        kept[key] = replace(kept[key], alike=(*kept[key].alike, told))
    return list(kept.values())


def _told_once(found: list[Seen]) -> list[Seen]:
    """A program that differs from an earlier one in numbers and names of this run alone: what proves it, and whose."""
    programs: dict[str, str] = {}
    kept = []
    for one in found:
        place = one.places[0]
        as_of = programs.setdefault(summary.same(repr(one.program)), place) if len(one.program) > 1 else place
        if as_of != place:
            one = replace(one, program=tuple(call for call in one.program if call[0]), left=0, as_of=as_of)
        kept.append(one)
    return kept


def _place(row: ResultRow, found: Iterable[Seen], shown: Matrix) -> str:
    """The anchor of the first paragraph of a box; one of its other door has none."""
    at = cell_anchor(shown, row.guarantee, row.box)
    return "" if any(one.anchor == at for one in found) else at


def _facts(run: Run, row: ResultRow) -> tuple[tuple[str, str], ...]:
    """What a reader may ask of a row: (label, text)."""
    said: list[tuple[str, str]] = []
    for evidence in row.evidence[:1]:
        given = {name: value for name, value in evidence.example.items() if value != DRAWN}
        for label, held in (("witness", evidence.observed), ("with", given)):
            if held:
                said.append((label, "; ".join(cut(f"{name} = {value}", WIDEST) for name, value in held.items())))
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


def _program(evidence: Iterable[Evidence], calls: int) -> tuple[tuple[tuple[bool, str], ...], int]:
    """(the last `calls`, which end with one that proves it; how many were before them)."""
    for one in evidence:
        made = [(number in one.proof, cut(call, WIDEST)) for number, call in enumerate(one.calls)]
        return tuple(made[-calls:]), max(0, len(made) - calls)
    return (), 0


def _seen_program(row: ResultRow, calls: int) -> list[str]:
    return [call for _, call in _program(row.evidence[:1], calls)[0]]


assert set(TITLES) == set(Severity)
