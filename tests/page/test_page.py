"""The HTML report: what it says, and what it is like in a real browser, at a desk and on a phone, light and dark."""

from __future__ import annotations

import html
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Outcome, Verdict
from pytest_isolation.report import answer, cells, renderer, summary
from pytest_isolation.report.articles import cell_anchor
from pytest_isolation.report.html import CALLS, INKS, LARGEST, PALETTE, render
from pytest_isolation.report.run import Run, Section
from tests.page.browser import asked, picture
from tests.page.heavy import heavy

DATA = Path(__file__).parents[1] / "data"
RUN = Run.from_json(json.loads((DATA / "run.json").read_text()))
EMPTY = ("br", "img", "input", "meta", "link", "hr")
CELLS, TERMS = frozenset({"td", "th"}), frozenset({"dt", "dd"})
OMITTED = {**dict.fromkeys(CELLS, CELLS), **dict.fromkeys(TERMS, TERMS)}
"""Elements whose end tag the next of their kind, or the end of what they are in, stands for: HTML, 13.1.2.4."""


class Page(HTMLParser):
    """The elements of a page, and that each is closed by its own end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if self.open and self.open[-1] in OMITTED.get(tag, ()):
            self.open.pop()
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1] != tag and self.open[-1] in OMITTED:
            self.open.pop()
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def said(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def test_it_says_what_every_format_says() -> None:
    said = Page(render(RUN)).said
    told = answer.answers(RUN)
    for one in told:
        assert one.head in said and "; ".join(one.more) in said
    for boxes, cause in answer.most_serious(told):
        assert f"{', '.join(boxes)}: {cause.head}" in said
        assert all(text in said for _, text in cause.lines)
    total = "".join(answer.counts(cells.matrix(RUN)).total)
    assert f"all{total}" in said.replace(" ", "")
    assert summary.bottom_line(RUN) in said


def test_every_link_leads_somewhere_and_no_id_is_there_twice() -> None:
    page = Page(render(RUN))
    ids = [str(attrs["id"]) for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [str(attrs["href"]) for attrs in page.all("a")]
    assert links and all(link.startswith("#") and link[1:] in ids for link in links)
    cells_of = [link for link in links if re.fullmatch(r"#c\d+(-\d+)?", link)]
    assert len(cells_of) == 10 * 4, "a cell for each guarantee and box"


def test_a_cell_that_does_not_hold_leads_to_its_own_evidence() -> None:
    text = render(RUN)
    box = list(cells.matrix(RUN).columns).index("docker")
    at = cell_anchor(cells.matrix(RUN), "net.vsock-not-namespaced", "docker")
    assert at.endswith(f"-{box}") and f"<a href=#{at}>VIOLATED</a>" in text
    paragraph = text.partition(f"id={at}>")[2].partition("</div>")[0]
    assert "<mark>&gt; socket(AF_VSOCK, SOCK_STREAM, 0) = 3</mark>" in paragraph
    article = text.partition('<div id="g-net.vsock-not-namespaced">')[2].partition("</details>")[0]
    for label in ("witness", "do", "control", "claim", "sources"):
        assert f"<dt>{label}<dd>" in article


def test_it_needs_no_network() -> None:
    text = render(RUN)
    assert "default-src 'none'" in text
    page = Page(text)
    assert not [attrs for _, attrs in page.elements if "src" in attrs or attrs.get("rel")]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", text)


def test_what_a_box_said_is_data() -> None:
    row = next(row for row in RUN.results if row.evidence)
    evil = replace(row.evidence[0], calls=("</pre><script>alert(1)</script>",), observed={"<tt>": "</script>"})
    box = replace(next(one for one in RUN.boxes if one.name == row.box), name='<kbd>"x')
    section = Section(key="<u>", rows=({"<s>": "<q>"},))
    run = replace(
        RUN,
        boxes=(box,),
        results=(replace(row, box=box.name, reason="<script>", evidence=(evil,)),),
        sections=(section,),
        notes=("<em>",),
    )
    page = Page(render(run))
    assert len(page.all("script")) == 1 and not {"tt", "kbd", "u", "s", "q", "em"} & {tag for tag, _ in page.elements}
    assert "</pre><script>alert(1)</script>" in page.said


@pytest.mark.parametrize(
    "run",
    [
        replace(RUN, results=(), guarantees=(), boxes=(), notes=()),
        replace(RUN, results=()),
        replace(RUN, results=tuple(row for row in RUN.results if row.verdict is Verdict.HOLDS), notes=()),
        replace(RUN, results=(*RUN.results, *(replace(row, door=Door.EXEC) for row in RUN.results))),
        replace(
            RUN,
            results=(
                *RUN.results,
                *(
                    replace(row, sibling="chroot", outcome=Outcome.XFAILED)
                    for row in RUN.results
                    if row.box == "docker" and row.verdict is Verdict.VIOLATED
                ),
            ),
        ),
    ],
    ids=["nothing", "no rows", "all hold", "both doors", "pairs"],
)
def test_every_kind_of_run_is_a_page(run: Run) -> None:
    Page(render(run))
    assert render(run) == renderer("html")(run)


def test_sixteen_boxes_and_all_guarantees_are_small() -> None:
    """Of rows that were measured and break much, and programs are still told by more than what proves it."""
    run = heavy()
    assert len(run.boxes) == 16 and len(run.guarantees) >= 395 and len(run.results) == 16 * len(run.guarantees)
    violated = sum(row.verdict is Verdict.VIOLATED for row in run.results)
    assert violated >= len(run.results) // 4
    text = render(run)
    assert len(text.encode()) <= LARGEST == 1_500_000
    assert max(len(calls.split("\n")) for calls in re.findall("<pre.*?</pre>", text, re.DOTALL)) >= CALLS[1]


def test_tables_are_tables() -> None:
    page = Page(render(RUN))
    for attrs in page.all("th"):
        assert attrs.get("scope") in ("col", "row", "rowgroup")
    regions = [attrs for attrs in page.all("div") if attrs.get("role") == "region"]
    ids = {str(attrs["id"]) for _, attrs in page.elements if "id" in attrs}
    assert len(regions) == len(page.all("table")) and all(attrs["tabindex"] == "0" for attrs in regions)
    assert {str(attrs["aria-labelledby"]) for attrs in regions} <= ids, "who scrolls by keyboard hears what it is"
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def _light(colour: str) -> float:
    """Relative luminance: WCAG 2.2, definitions."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", PALETTE)
@pytest.mark.parametrize("ink", INKS)
@pytest.mark.parametrize("paper", ["page", "panel"])
def test_every_ink_can_be_read(scheme: str, ink: str, paper: str) -> None:
    dark, light = sorted((_light(PALETTE[scheme][ink]), _light(PALETTE[scheme][paper])))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


# -- in Chromium -------------------------------------------------------------------------------

ASKED = """
const at = (id) => document.getElementById(id);
const type = (one, value) => { one.value = value; one.dispatchEvent(new Event('input', {bubbles: true})); };
const shown = () => [...document.querySelectorAll('tr.line:not([hidden]) th')].map((one) => one.textContent);
const told = {ready: performance.now(), overflow: document.documentElement.scrollWidth - innerWidth};
told.first = shown();
at('deviates').click(); told.all = shown();
type(at('find'), 'vsock'); told.found = shown();
type(at('find'), ''); type(at('severity'), 'portability'); told.portability = shown();
type(at('severity'), '');
const cell = document.querySelector('.matrix td.bad a, .matrix td.warn a');
const article = document.getElementById(cell.hash.slice(1));
told.before = article.closest('details').open;
cell.focus(); told.focused = document.activeElement === cell;
cell.click(); await new Promise((done) => setTimeout(done, 100));
told.after = article.closest('details').open;
told.visible = article.getBoundingClientRect().height > 0;
const head = document.querySelector('.matrix thead th');
const box = document.querySelector('.tall'); box.style.maxHeight = '120px'; box.scrollTop = 60;
told.sticky = Math.abs(head.getBoundingClientRect().top - box.getBoundingClientRect().top) < 3;
dispatchEvent(new Event('beforeprint'));
told.closed = document.querySelectorAll('details:not([data-fine]):not([open])').length;
told.background = getComputedStyle(document.body).backgroundColor;
const controls = [...document.querySelectorAll('input, select, summary')];
told.small = controls.filter((one) => one.offsetHeight && one.offsetHeight < 13).length;
return told;
"""


def _colour(hexadecimal: str) -> str:
    return f"rgb({', '.join(str(int(hexadecimal[at : at + 2], 16)) for at in (1, 3, 5))})"


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["desk-light", "phone-dark"])
def test_it_works_in_a_browser(tmp_path: Path, width: int, dark: bool) -> None:
    """Clicked and filtered; a console message is an error (browser.py)."""
    told: dict[str, Any] = asked(tmp_path, render(RUN), ASKED, width=width, dark=dark)
    assert "error" not in told, told
    whole = [one.id.partition(".")[2] for one in RUN.guarantees]
    assert told["overflow"] <= 0, "the page is wider than its window"
    assert set(told["first"]) < set(told["all"]) and sorted(told["all"]) == sorted(whole)
    assert told["found"] == ["vsock-not-namespaced"] and told["portability"] == ["init-is-one", "layer-semantics"]
    assert (told["before"], told["after"], told["visible"], told["focused"]) == (False, True, True, True)
    assert told["sticky"] and told["closed"] == 0 and told["small"] == 0
    assert told["background"] == _colour(PALETTE["dark" if dark else "light"]["page"])


def test_what_a_page_writes_to_the_console_fails_its_test(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="wrote to the console"):
        asked(tmp_path, render(RUN), "console.warn('this'); return 1;")


def test_it_is_usable_without_a_script(tmp_path: Path) -> None:
    """The page with its own script taken out: all lines are there, and a cell's link opens what it leads to."""
    text = re.sub(r"<script>.*?</script>", "", render(RUN), flags=re.DOTALL)
    told = asked(
        tmp_path,
        text,
        """
        const cell = document.querySelector('.matrix td.bad a, .matrix td.warn a');
        const article = document.getElementById(cell.hash.slice(1));
        cell.click(); await new Promise((done) => setTimeout(done, 300));
        return {lines: document.querySelectorAll('tr.line:not([hidden])').length,
                open: article.closest('details').open,
                filters: document.getElementById('filters').offsetHeight};
        """,
    )
    assert told == {"lines": 10, "open": True, "filters": 0}


@pytest.mark.parametrize(("width", "dark"), [(1440, True), (390, False)], ids=["desk-dark", "phone-light"])
def test_it_can_be_looked_at(tmp_path: Path, width: int, dark: bool) -> None:
    path = tmp_path / "page.png"
    wide, high = picture(tmp_path, render(RUN), path, width=width, dark=dark)
    assert (wide, high) == (width, 1600) and path.stat().st_size > 50_000, "an empty page is a small picture"


def test_many_boxes_are_filtered(tmp_path: Path) -> None:
    """How long that takes is measured by `python -m bench --only page`."""
    run = heavy()
    told = asked(
        tmp_path,
        render(run),
        """
        const find = document.getElementById('find');
        const shown = () => document.querySelectorAll('tr.line:not([hidden])').length;
        document.getElementById('deviates').click();
        const told = {lines: document.querySelectorAll('tr.line').length, all: shown()};
        for (const text of ['v', 'vs', 'vso', '']) {
          find.value = text; find.dispatchEvent(new Event('input', {bubbles: true}));
          told[text] = shown();
        }
        told.overflow = document.documentElement.scrollWidth - innerWidth;
        return told;
        """,
    )
    assert 0 < told["vso"] < told["v"] < told["all"] == told["lines"] == told[""]
    assert told["lines"] <= len(run.guarantees) and told["overflow"] <= 0


def test_the_page_and_the_report_name_the_same_violations() -> None:
    text = html.unescape(render(RUN))
    violated = {
        (row.box, row.guarantee) for row in RUN.results if row.verdict is Verdict.VIOLATED and row.sibling is None
    }
    shown = cells.matrix(RUN)
    ids = {number: id for id, number in shown.numbers.items()}
    found = {
        (shown.columns[int(box)], ids[int(number)])
        for number, box, word in re.findall(r"href=#c(\d+)-(\d+)>([^<]+)</a>", text)
        if word.lower() in ("violated", "known")
    }
    assert found == violated
