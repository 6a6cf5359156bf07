"""What the containers of a stack do and do not guarantee: the rows I.. of an audit, as a section of their own."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_isolation.inception.row import InceptionRow

LETTER = "I"
TITLE = "What its containers do and do not guarantee"
WORDS = {"pass": "holds", "advice": "open"}
MEANING = (
    "Measured in the running containers: by system calls made inside each, and decided outside. "
    "The box is the container. Open is no fault of the project: it is what Docker does not promise as the stack "
    "is written, and what an intruder in one container could use."
)
COLOURS = {"holds": "32", "open": "33", "unclear": "33"}
EVIDENCE_SHOWN = 2
"""Lines a row, in a terminal; Markdown and JSON have all."""


def split(rows: Iterable[InceptionRow]) -> tuple[list[InceptionRow], list[InceptionRow]]:
    """(rows of rules, rows of this section)"""
    of_rules: list[InceptionRow] = []
    ours: list[InceptionRow] = []
    for row in rows:
        (ours if row.rule.startswith(LETTER) else of_rules).append(row)
    return of_rules, ours


def word(row: InceptionRow) -> str:
    """holds, open or unclear."""
    return WORDS.get(row.verdict, row.verdict)


def counts(rows: Sequence[InceptionRow]) -> str:
    """ "5 hold, 9 open": of the findings."""
    numbers = {name: sum(word(row) == name for row in rows) for name in ("holds", "open", "unclear")}
    plural = {"holds": "hold"}
    return ", ".join(f"{number} {plural.get(name, name)}" for name, number in numbers.items() if number)


def terminal(rows: Sequence[InceptionRow], width: int, color: bool) -> Iterator[str]:
    """The section about the stack's containers, in lines of at most `width` columns; none without rows."""
    if not rows:
        return
    yield f"  {TITLE} ({counts(rows)})"
    for row in once(rows):
        name = word(row)
        shown = f"\033[{COLOURS[name]}m{name:<8}\033[0m" if color else f"{name:<8}"
        first, *rest = textwrap.wrap(row.found, width - 15, break_on_hyphens=False) or [""]
        yield f"  {row.rule:<4} {shown}{first}"
        yield from (f"{'':<15}{part}" for part in rest)
        for said in row.evidence[:EVIDENCE_SHOWN]:
            yield from _indented(f"seen: {said}", width)
        if (more := len(row.evidence) - EVIDENCE_SHOWN) > 0:
            yield f"{'':<15}seen: {more} more; a report (md:PATH, json:PATH) has them"
        if row.fix:
            yield from _indented(f"{'missing' if name == 'unclear' else 'do'}: {row.fix}", width)


def _indented(text: str, width: int) -> Iterator[str]:
    for part in textwrap.wrap(text, width - 15, subsequent_indent="    ", break_on_hyphens=False):
        yield f"{'':<15}{part}"


def once(rows: Sequence[InceptionRow]) -> Iterator[InceptionRow]:
    """What could not be measured is unclear under every rule, and told once."""
    seen: set[str] = set()
    for row in rows:
        if row.verdict == "unclear" and row.found in seen:
            continue
        seen.add(row.found)
        yield row


def markdown(rows: Sequence[InceptionRow], plain: Callable[[str], str]) -> Iterator[str]:
    """Paragraphs; `plain` makes a text of the stack's harmless."""
    if not rows:
        return
    yield f"## {TITLE}"
    yield MEANING.replace("Open is", "*Open* is")
    rule = ""
    for row in once(rows):
        if row.rule != rule:
            rule = row.rule
            yield f"**{rule}** {plain(row.why)}"
        yield "\n".join(_lines(row, plain))


def _lines(row: InceptionRow, plain: Callable[[str], str]) -> Iterator[str]:
    yield f"- **{word(row)}**: {plain(row.found)}"
    if row.fix:
        yield f"  - {'What is missing' if row.verdict == 'unclear' else 'What can be done'}: {plain(row.fix)}"
    yield from (f"  - seen: {plain(said)}" for said in row.evidence)
