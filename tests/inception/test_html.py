"""The student's page in HTML, in English and in French."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pytest_isolation.errors import UsageError
from pytest_isolation.inception.contained import WHY
from pytest_isolation.inception.live.judge import ASKS
from pytest_isolation.inception.options import read
from pytest_isolation.inception.registry import every_rule
from pytest_isolation.inception.report import findings, html, messages, section
from pytest_isolation.inception.row import InceptionRow
from pytest_isolation.report import renderer
from pytest_isolation.report.html import PALETTE
from pytest_isolation.report.run import Run
from tests.inception.test_pages import REPORTS
from tests.support import committed

OTHERS = [language for language in messages.LANGUAGES if language != messages.SOURCE]
VOID = {"meta", "br", "hr"}


def rows(name: str) -> list[InceptionRow]:
    return [InceptionRow.from_json(row) for row in committed(name)["inception"]]


def row(**other: str) -> InceptionRow:
    given = {
        "path": "p", "rule": "C08", "verdict": "fail", "severity": "end", "where": "a.yml:3", "found": "f", "why": "w",
        "fix": "x",
    }  # fmt: skip
    return InceptionRow(**{**given, **other})  # type: ignore[arg-type]


class Read(HTMLParser):
    """Tags that are closed in order, ids, links and what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name in ("src", "srcset", "data", "action"):
                self.fetched.append(value or "")
        if tag in ("script", "link", "iframe", "img"):
            self.fetched.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Read:
    reader = Read()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("language", messages.LANGUAGES)
@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_the_page_is_one_file_that_fetches_nothing(path: Path, language: str) -> None:
    held = rows(path.stem)
    page = html.page(held, language)
    reader = parsed(page)
    assert f'<html lang="{language}">' in page
    assert reader.fetched == []
    assert "url(" not in page
    assert "@import" not in page
    assert set(reader.links) <= {f"#{id}" for id in reader.ids}
    assert len(reader.ids) == len(set(reader.ids))
    assert {one.rule for one in held} <= set(re.findall(r"[A-Z]\d\d", reader.text))


def test_each_finding_is_on_the_page_and_a_submission_s_words_are_text() -> None:
    found = [
        row(found="<script>alert(1)</script> & more", where='"><b>:1'),
        row(rule="D03", verdict="advice", found="late"),
    ]
    page = html.page(found)
    reader = parsed(page)
    assert "<script" not in page
    assert "<script>alert(1)</script> & more" in reader.text
    assert "late" in reader.text


def test_what_is_said_of_the_whole_is_what_fails_a_run() -> None:
    assert "would end early" in html.page([row()])
    assert "Nothing here ends" in html.page([row(severity="rule")])


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_every_sentence_of_the_page(language: str) -> None:
    has = messages.catalogue(language)
    wanted = {one.asks for one in every_rule()} | {asks for _, asks in ASKS.values()} | set(WHY.values())
    wanted |= {*findings.LETTERS.values(), *findings.ORDER, *findings.MEANINGS.values(), "pass", "not-applicable"}
    source = Path(html.__file__).read_text()
    wanted |= set(re.findall(r"""words\(['"]([^'"]+)['"]\)""", source))
    wanted |= {
        "As it is, the evaluation would end early.",
        "Nothing here ends the evaluation.",
        "What to do",
        "What is missing",
    }
    assert sorted(wanted - set(has)) == []
    assert all(text.strip() for text in has.values())


@pytest.mark.parametrize("language", OTHERS)
def test_a_page_in_another_language_has_its_words_and_no_sentence_of_the_source(language: str) -> None:
    held = [row(rule=one.id, why=one.asks, found="nothing", fix="") for one in every_rule()]
    text = parsed(html.page(held, language)).text
    left = [one.asks for one in every_rule() if one.asks in text]
    assert left == []
    assert all(messages.say(one.asks, language) in text for one in every_rule())


def test_a_text_that_no_catalogue_has_stays_as_it_is() -> None:
    assert messages.say("nginx: [emerg] host not found", "fr") == "nginx: [emerg] host not found"
    assert messages.say("Found", messages.SOURCE) == "Found"
    with pytest.raises(KeyError, match="de"):
        messages.catalogue("de")


def test_the_language_is_an_option_and_another_is_refused(tmp_path: Path) -> None:
    given = read({"inception": [str(tmp_path)], "inception_language": "fr"}, tmp_path)
    assert given is not None
    assert given.language == "fr"
    with pytest.raises(UsageError, match=r"--inception-language 'de'.*en, fr"):
        read({"inception": [str(tmp_path)], "inception_language": "de"}, tmp_path)


def test_the_html_report_of_a_run_about_submissions_is_that_page() -> None:
    data = committed(REPORTS[0].stem)
    made = Run.from_json(data)
    held = rows(REPORTS[0].stem)
    run = replace(made, sections=(section(held, "fr"),))
    assert renderer("html")(run) == html.page(held, "fr")
    assert json.loads(json.dumps(run.to_json())) == made.to_json()


def test_inks_can_be_read() -> None:
    """The colours are those of the other page, whose contrast is measured, or darker in light and lighter in dark."""
    assert {PALETTE[mode]["ink"] for mode in PALETTE} <= set(re.findall(r"#[0-9a-f]{6}", html.STYLE))
