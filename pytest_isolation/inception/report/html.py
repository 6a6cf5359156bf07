"""The student's page as one HTML file: no script, nothing from elsewhere, in light and dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from pytest_isolation.inception.report import contained, findings
from pytest_isolation.inception.report.messages import SOURCE, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_isolation.inception.report.findings import Told
    from pytest_isolation.inception.row import InceptionRow

    Say = Callable[[str], str]

STYLE = """
:root{color-scheme:light dark;--page:#fff;--panel:#f4f5f7;--line:#c4c8ce;--ink:#1b1f24;--soft:#4b535d;--bad:#a3141c;
--warn:#7a4d00;--good:#1c6b2f;--note:#0b5a8a}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--panel:#1f242a;--line:#454d57;--ink:#e8eaed;--soft:#b4bcc6;
--bad:#ff9d9d;--warn:#f2c26b;--good:#7fd694;--note:#8ecbf2}}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;background:var(--page);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif}
h1,h2,h3{line-height:1.25;overflow-wrap:anywhere}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
article{background:var(--panel);border-left:.35rem solid var(--line);padding:.1rem 1rem .6rem;margin:1rem 0;
overflow-wrap:anywhere}
article,article.ends,article.broken,article.unclear,article.advice,article.pass{color:var(--ink)}
article h3{margin:.6rem 0 .3rem;font-size:1.05rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}dt{color:var(--soft)}dd{margin:0}
code{font:.92em ui-monospace,monospace}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th[scope=rowgroup]{padding-top:1rem}
.ends{color:var(--bad)}.broken,.unclear{color:var(--warn)}.advice{color:var(--note)}.pass{color:var(--good)}
article.ends{border-color:var(--bad)}article.broken,article.unclear{border-color:var(--warn)}
article.advice{border-color:var(--note)}
@media(max-width:40rem){dl{grid-template-columns:1fr}}
@media print{article{break-inside:avoid}}
"""


def page(rows: Iterable[InceptionRow], language: str = SOURCE) -> str:
    """The whole file; a part for each submission."""

    def words(text: str) -> str:
        return say(text, language)

    parts: list[str] = []
    for path, held in findings.by_submission(rows).items():
        parts += _submission(path, held, len(parts), words)  # of lines there are more than of findings
    head = (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(words('Inception: what an evaluator will see'))}</title>\n<style>{STYLE}</style>\n"
        "</head>\n<body>\n"
    )
    return head + "\n".join(parts) + "\n</body>\n</html>\n"


def _submission(path: str, held: Sequence[InceptionRow], first: int, words: Say) -> Iterator[str]:
    """`first` is the number of its first finding on the page."""
    of_rules, of_containers = contained.split(held)
    found = findings.told(of_rules)
    yield f"<main>\n<h1>Inception: {escape(path)}</h1>"
    ends = bool(findings.failing(held))
    says = "As it is, the evaluation would end early." if ends else "Nothing here ends the evaluation."
    tone = "ends" if ends else "pass"
    yield f'<p><strong class="{tone}">{escape(words(says))}</strong> {_counts(of_rules, words)}</p>'
    anchors = [f"finding-{number}" for number in range(first, first + len(found))]
    yield from _summary(found, anchors, words)
    chapter = ""
    for one, anchor in zip(found, anchors, strict=True):
        if one.chapter != chapter:
            chapter = one.chapter
            yield f"<h2>{escape(words(chapter))}</h2>"
        yield from _article(one, anchor, words)
    if of_containers:
        yield f"<h2>{escape(words(contained.TITLE))}</h2>\n<p>{escape(words(contained.MEANING))}</p>"
        yield from _containers(of_containers, words)
    yield f"<h2>{escape(words('Every rule'))}</h2>"
    yield from _table(of_rules, words)
    yield "</main>"


def _counts(rows: Sequence[InceptionRow], words: Say) -> str:
    worst = findings.worst(rows)
    numbers = {name: sum(findings.word(row) == name for row in worst.values()) for name in ("pass", *findings.ORDER)}
    return escape(" · ".join(f"{words(name)}: {number}" for name, number in numbers.items() if number))


def _summary(found: Sequence[Told], anchors: Sequence[str], words: Say) -> Iterator[str]:
    lines = []
    for name in findings.ORDER:
        here = [pair for pair in zip(found, anchors, strict=True) if findings.word(pair[0].row) == name]
        if here:
            links = ", ".join(f'<a href="#{anchor}">{one.row.rule}</a>' for one, anchor in here)
            meaning = escape(words(findings.MEANINGS[name]))
            lines.append(f'<li><strong class="{name.lower()}">{escape(words(name))}</strong> ({meaning}): {links}</li>')
    if lines:
        yield "<ul>\n" + "\n".join(lines) + "\n</ul>"


def _article(one: Told, anchor: str, words: Say) -> Iterator[str]:
    row, name = one.row, findings.word(one.row)
    tone = name.lower()
    yield f'<article class="{tone}" id="{anchor}">'
    yield f'<h3>{row.rule}: <span class="{tone}">{escape(words(name))}</span></h3>\n<dl>'
    if row.where:
        places = ", ".join(f"<code>{escape(where)}</code>" for where in one.places)
        yield f"<dt>{escape(words('Where'))}</dt><dd>{places}</dd>"
    yield f"<dt>{escape(words('Found'))}</dt><dd>{escape(words(row.found))}</dd>"
    yield f"<dt>{escape(words('Why'))}</dt><dd>{escape(words(row.why))}</dd>"
    if row.fix:
        label = "What is missing" if name == "unclear" else "What to do"
        yield f"<dt>{escape(words(label))}</dt><dd>{escape(words(row.fix))}</dd>"
    if one.rules[1:]:
        yield f"<dt>{escape(words('The same for'))}</dt><dd>{', '.join(one.rules[1:])}</dd>"
    yield "</dl>\n</article>"


def _containers(rows: Sequence[InceptionRow], words: Say) -> Iterator[str]:
    for row in contained.once(rows):
        name = contained.word(row)
        yield f'<article class="{ {"holds": "pass", "open": "unclear"}.get(name, name) }">'
        yield f"<h3>{row.rule}: {escape(words(name))}</h3>\n<p>{escape(words(row.why))}</p>"
        yield f"<p>{escape(words(row.found))}</p>"
        if row.fix:
            label = "What is missing" if row.verdict == "unclear" else "What can be done"
            yield f"<p>{escape(words(label))}: {escape(words(row.fix))}</p>"
        if row.evidence:
            lines = "\n".join(f"<li><code>{escape(said)}</code></li>" for said in row.evidence)
            yield f"<details><summary>{escape(words('What was measured'))}</summary>\n<ul>\n{lines}\n</ul>\n</details>"
        yield "</article>"


def _table(rows: Sequence[InceptionRow], words: Say) -> Iterator[str]:
    titles = f"<th>{escape(words('Rule'))}</th><th></th><th>{escape(words('What it asks'))}</th>"
    yield f"<table>\n<thead><tr>{titles}</tr></thead>"
    letter = ""
    for row in findings.worst(rows).values():
        if row.rule[0] != letter:
            yield "</tbody>" if letter else ""
            letter = row.rule[0]
            title = escape(words(findings.LETTERS.get(letter, letter)))
            yield f'<tbody>\n<tr><th scope="rowgroup" colspan="3">{title}</th></tr>'
        name = findings.word(row)
        cells = f'<td class="{name.lower()}">{escape(words(name))}</td><td>{escape(words(row.why))}</td>'
        yield f"<tr><td>{row.rule}</td>{cells}</tr>"
    yield "</tbody>\n</table>" if letter else "</table>"
