"""Findings of the submission auditor, for a terminal and for the student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.inception.report import contained
from pytest_isolation.report.lines import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_isolation.inception.row import InceptionRow

LETTERS = {
    "T": "Reading it", "P": "Credentials", "S": "Structure", "C": "Compose", "M": "Makefile and scripts",
    "D": "Images and what they start", "R": "Documents", "N": "NGINX and TLS", "W": "WordPress and MariaDB",
    "G": "What keeps it from starting",
    "E": "At the defence", "B": "Bonus", "X": "Extras", "L": "The running stack",
}  # fmt: skip
"""Letter of a rule -> chapter; in the order of the sheet."""
WORDS = {("fail", "end"): "ENDS", ("fail", "rule"): "BROKEN", ("fail", "advice"): "advice"}
ORDER = ("ENDS", "BROKEN", "unclear", "advice")
COLOURS = {"ENDS": "31;1", "BROKEN": "31", "unclear": "33", "advice": "36"}
MEANINGS = {
    "ENDS": "the evaluation ends there",
    "BROKEN": "the subject demands it; the sheet does not stop at it",
    "unclear": "the files do not say; the line names what is missing",
    "advice": "not demanded, or where evaluators differ",
}


def word(row: InceptionRow) -> str:
    """How a row is marked: ENDS, BROKEN, unclear, advice, pass or not-applicable."""
    return WORDS.get((row.verdict, row.severity), row.verdict)


def failing(rows: Iterable[InceptionRow], *, strict: bool = False) -> list[InceptionRow]:
    """The rows that fail a run."""
    return [
        row for row in rows if row.verdict == "fail" and (row.severity == "end" or (strict and row.severity == "rule"))
    ]


def line(row: InceptionRow) -> str:
    """ "C08 ENDS srcs/docker-compose.yml:12: mariadb: 3306:3306 publishes port 3306"."""
    where = f"{row.where}: " if row.where else ""
    return f"{row.rule} {word(row)} {where}{row.found}"


def by_submission(rows: Iterable[InceptionRow]) -> dict[str, list[InceptionRow]]:
    """The rows of each submission, by its path, in their order."""
    found: dict[str, list[InceptionRow]] = {}
    for row in rows:
        found.setdefault(row.path, []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Told:
    """Rows that say the same, told once: of several places, or of the forty rules an unreadable file leaves unclear."""

    rules: tuple[str, ...]
    places: tuple[str, ...]
    row: InceptionRow

    @property
    def chapter(self) -> str:
        """The chapter of the sheet that the rule belongs to."""
        return LETTERS.get(self.row.rule[0], self.row.rule[0])


def told(rows: Iterable[InceptionRow]) -> list[Told]:
    """What is not a pass, in the sheet's order."""
    same: dict[tuple[str, ...], list[InceptionRow]] = {}
    for row in rows:
        if word(row) in ORDER:
            same.setdefault((row.rule, word(row), row.found, row.fix), []).append(row)
    found: dict[tuple[object, ...], list[Told]] = {}
    for held in same.values():
        places = tuple(dict.fromkeys(row.where for row in held))
        one = Told((held[0].rule,), places, held[0])
        found.setdefault((word(one.row), places, one.row.found), []).append(one)
    return [
        Told(tuple(rule for one in alike for rule in one.rules), alike[0].places, alike[0].row)
        for alike in found.values()
    ]


def worst(rows: Iterable[InceptionRow]) -> dict[str, InceptionRow]:
    """Rule -> its worst row."""
    found: dict[str, InceptionRow] = {}
    ranked = (*ORDER, "pass", "not-applicable")
    for row in rows:
        known = found.setdefault(row.rule, row)
        found[row.rule] = min(known, row, key=lambda one: ranked.index(word(one)))
    return found


def counts(rows: Sequence[InceptionRow]) -> str:
    """ "61 rules pass; 1 ENDS, 2 unclear": rules, each counted by its worst row."""
    words = [word(row) for row in worst(rows).values()]
    bad = [f"{number} {name}" for name in ORDER if (number := words.count(name))]
    passed = words.count("pass")
    return f"{passed} rules pass" + (f"; {', '.join(bad)}" if bad else "")


# -- the terminal ----------------------------------------------------------------------


def terminal(rows: Iterable[InceptionRow], notes: Iterable[str] = (), *, width: int = 100, color: bool = False) -> str:
    """A table for each submission, and one line for each at the end."""
    submissions = by_submission(rows)
    lines: list[str] = []
    used: set[str] = set()
    for path, held in submissions.items():
        of_rules, of_containers = contained.split(held)
        lines.append(f"{path}")
        chapter = ""
        for one in told(of_rules):
            used.add(word(one.row))
            if one.chapter != chapter:
                chapter = one.chapter
                lines.append(f"  {chapter}")
            lines += _entry(one, width, color)
        lines += contained.terminal(of_containers, width, color)
        lines.append("")
    lines += [f"{name:<8}{MEANINGS[name]}" for name in ORDER if name in used]
    lines += [part for note in notes for part in wrapped(f"note: {note}", width, "      ")]
    lines += [""] if lines and lines[-1] else []
    across = max((len(path) for path in submissions), default=0)
    for path, held in submissions.items():
        of_rules, of_containers = contained.split(held)
        ended = "ENDS" if failing(held) else "goes on"
        more = f"; its containers: {contained.counts(of_containers)}" if of_containers else ""
        lines.append(f"{path:<{across}}  {ended:<8} {counts(of_rules)}{more}")
    return "\n".join(lines)


def _entry(one: Told, width: int, color: bool) -> Iterator[str]:
    name, row = word(one.row), one.row
    shown = f"\033[{COLOURS[name]}m{name:<8}\033[0m" if color else f"{name:<8}"
    where = f"{', '.join(one.places)}: " if row.where else ""
    first, *rest = wrapped(f"{where}{row.found}", width - 15, "")
    yield f"  {row.rule:<4} {shown}{first}"
    yield from (f"{'':<15}{part}" for part in rest)
    if row.fix:
        label = "missing" if name == "unclear" else "do"
        yield from (f"{'':<15}{part}" for part in wrapped(f"{label}: {row.fix}", width - 15, "    "))
    if others := ", ".join(one.rules[1:]):
        yield from (f"{'':<15}{part}" for part in wrapped(f"the same for {others}", width - 15, "    "))


# -- the student's page ----------------------------------------------------------------


def markdown(rows: Iterable[InceptionRow]) -> Iterator[str]:
    """Paragraphs: a page for each submission."""
    for path, held in by_submission(rows).items():
        of_rules, of_containers = contained.split(held)
        found = told(of_rules)
        yield f"# Inception: {_plain(path)}"
        yield (
            "**As it is, the evaluation would end early.**"
            if failing(held)
            else "**Nothing here ends the evaluation.**"
        ) + f" {counts(of_rules)}."
        yield from _summary(found)
        chapter = ""
        for one in found:
            if one.chapter != chapter:
                chapter = one.chapter
                yield f"## {chapter}"
            yield from _paragraphs(one)
        yield from contained.markdown(of_containers, _plain)
        yield "## Every rule"
        yield _table(of_rules)


def _summary(found: Sequence[Told]) -> Iterator[str]:
    """What to look at first: one line a finding, the worst first."""
    lines = []
    for name in ORDER:
        rules = [one.rules[0] + _at(one.places[:1]) for one in found if word(one.row) == name]
        if rules:
            lines.append(f"- **{name}** ({MEANINGS[name]}): {', '.join(rules)}")
    if lines:
        yield "\n".join(lines)


def _at(places: Sequence[str]) -> str:
    shown = ", ".join(f"`{where.replace('`', '')}`" for where in places if where)
    return f" {shown}" if shown else ""


def _paragraphs(one: Told) -> Iterator[str]:
    row = one.row
    yield f"### {row.rule}: {word(row)}"
    lines = [f"- Where:{_at(one.places)}"] if row.where else []
    lines += [f"- Found: {_plain(row.found)}", f"- Why: {_plain(row.why)}"]
    if row.fix:
        lines.append(f"- {'What is missing' if word(row) == 'unclear' else 'What to do'}: {_plain(row.fix)}")
    if one.rules[1:]:
        lines.append(f"- The same for {', '.join(one.rules[1:])}")
    yield "\n".join(lines)


def _table(rows: Sequence[InceptionRow]) -> str:
    lines = ["| rule | | what it asks |", "|---|---|---|"]
    letter = ""
    for row in worst(rows).values():
        if row.rule[0] != letter:
            letter = row.rule[0]
            lines.append(f"| | | **{LETTERS.get(letter, letter)}** |")
        lines.append(f"| {row.rule} | {word(row)} | {_plain(row.why)} |")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A submission's words are data, never markup."""
    escaped = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return "".join(f"\\{char}" if char in "*_`[]" else char for char in escaped)
