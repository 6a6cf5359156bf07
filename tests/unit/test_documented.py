"""docs/options.md and docs/report.md name everything there is."""

from __future__ import annotations

import json
import re
import shlex
from fnmatch import fnmatchcase
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation.boxes import values
from pytest_isolation.guarantees import profiles
from pytest_isolation.options import OPTIONS
from pytest_isolation.options.boxes import parse
from pytest_isolation.report import FORMATS, cells
from pytest_isolation.suite.collect import built_in_guarantees

DOCS = Path(__file__).parents[2] / "docs"
OPTIONS_DOC = (DOCS / "options.md").read_text()
REPORT_DOC = (DOCS / "report.md").read_text()
SCHEMA: dict[str, Any] = json.loads((files("pytest_isolation.report") / "schema.json").read_text())


@pytest.mark.parametrize("name", [name for name, _ in OPTIONS])
def test_option(name: str) -> None:
    assert f"`{name}" in OPTIONS_DOC


@pytest.mark.parametrize("key", values.COMMON)
def test_key_of_every_box(key: str) -> None:
    assert f"`{key}`" in OPTIONS_DOC


@pytest.mark.parametrize("name", [*profiles.names(), *FORMATS])
def test_profile_or_format(name: str) -> None:
    assert re.search(rf"`{name}[:`]", OPTIONS_DOC)


def test_the_help_names_every_profile_and_question() -> None:
    told = {name: str(how["help"]) for name, how in OPTIONS}
    assert [name for name in profiles.names() if name not in told["--isolation-profile"]] == []
    questions = [profiles.built_in(name).asks for name in profiles.names()]
    assert [asked for asked in questions if asked and f'"{asked}"' not in told["--isolation-ask"]] == []


@pytest.mark.parametrize("sign", cells.LEGEND, ids=lambda sign: sign.word)
def test_sign(sign: cells.Sign) -> None:
    assert f"| `{sign.word}` | `{sign.letter}` |" in REPORT_DOC


@pytest.mark.parametrize("part", ["result", "box", "given", "evidence", "guarantee"])
def test_field(part: str) -> None:
    missing = [key for key in SCHEMA["$defs"][part]["properties"] if not re.search(rf"`{key}(\[\])?`", REPORT_DOC)]
    assert missing == []


@pytest.mark.parametrize("word", ["verdict", "oracle", "claim", "outcome", "control", "door", "coverage"])
def test_word_of_a_row(word: str) -> None:
    missing = [one for one in SCHEMA["$defs"]["result"]["properties"][word]["enum"] if f"`{one}`" not in REPORT_DOC]
    assert missing == []


README = (DOCS.parent / "README.md").read_text()
COMMANDS = re.findall(r"^(?:\.venv/bin/)?pytest (--.*?)(?: +#.*)?$", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme(command: str) -> None:
    words = shlex.split(command)
    names = {name for name, _ in OPTIONS} | {"-n"}
    assert [word for word in words if word.startswith("-") and word not in names] == []
    for word, value in pairwise(words):
        if word == "--box":
            assert parse(value)


def test_the_first_command_of_the_readme_is_short() -> None:
    """Two boxes at most, of which one needs nothing to be installed; all of them come later, with how long it takes."""
    boxes = [value for word, value in pairwise(shlex.split(COMMANDS[0])) if word == "--box"]
    assert 1 <= len(boxes) <= 2
    assert set(boxes) & {"host", "namespaces"}
    assert COMMANDS[1] == "--isolation"
    assert "two to three minutes" in README.partition("pytest --isolation\n")[0]


def test_the_words_of_the_readme() -> None:
    glossary = README.partition("## Eight words")[2].partition("## ")[0]
    assert len(re.findall(r"^\| \*\*", glossary, re.MULTILINE)) == 8
    assert all(
        f"`{verdict}`" in glossary for verdict in ("holds", "violated", "vacuous", "inconclusive", "unsupported")
    )


def test_every_guarantee_of_portability() -> None:
    document = (DOCS / "portability.md").read_text()
    named = set(re.findall(r"^\| `(port\.\S+)`", document, re.MULTILINE))
    there = {promise.id for promise in built_in_guarantees() if promise.domain == "port"}
    assert not [id for id in there if not any(fnmatchcase(id, pattern) for pattern in named)]
    assert not [pattern for pattern in named if not any(fnmatchcase(id, pattern) for id in there)]


@pytest.mark.parametrize("text", re.findall(r"^--box (\S+)", OPTIONS_DOC, re.MULTILINE))
def test_the_examples_are_box_specs(text: str) -> None:
    assert parse(text)


def test_the_first_screen_says_what_its_page_quotes() -> None:
    """docs/first-screen.md: each answer is in the words of the screen above it, and README shows the same answer."""
    page = (DOCS / "first-screen.md").read_text()
    screen = " ".join(page.partition("```text\n")[2].partition("```")[0].split())
    answers = page.partition("## The answers")[2].partition("\n\n`tests")[0]
    rows = [row.split("|") for row in answers.splitlines() if re.match(r"\| \d", row)]
    quoted = [words.removesuffix(" ...") for row in rows for words in re.findall(r"`([^`]+)`", row[3])]
    assert len(rows) == len(re.findall(r"^\d\. ", page.partition("## Five questions")[2], re.MULTILINE)) == 5
    assert [words for words in quoted if words not in screen] == []
    assert screen.partition(";")[0].removeprefix("docker ") in " ".join(README.split())


def test_readme_shows_a_run_of_about_todays_guarantees() -> None:
    words = r"(\d+)\s+of\s+(\d+)\s+guarantees\s+hold,\s+(\d+)\s+cannot\s+be\s+asked"
    found = re.search(words, README)
    assert found is not None
    shown, now = int(found[2]) + int(found[3]), len(built_in_guarantees())
    assert shown >= 0.9 * now, f"README shows a run of {shown} guarantees; there are {now}: run dev/document-first-run"
