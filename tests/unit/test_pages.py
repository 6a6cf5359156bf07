"""README.md and docs/: each link leads somewhere, each command is one, each page has its place on the site."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_isolation import cli
from pytest_isolation.options.boxes import parse
from pytest_isolation.options.config import from_options
from pytest_isolation.suite.collect import built_in_guarantees

TOP = Path(__file__).parents[2]
PAGES = sorted(
    [TOP / "README.md", TOP / "CONTRIBUTING.md", *TOP.glob("docs/**/*.md"), *TOP.glob("*/README.md")],
    key=lambda path: str(path.relative_to(TOP)),
)
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:sudo )?(?:\.venv/bin/)?(pytest(?:-isolation)?)(?= |$)")
PLACEHOLDER = r"^[A-Z]+$|\bunshare\b(?!-)"
"""A box that stands for any, or of the technology of docs/adding-a-technology.md, which is not installed here."""


def name_of(page: Path) -> str:
    return str(page.relative_to(TOP))


# -- links


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    heads = re.findall(r"^#+ +(.*?) *$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", head) for head in heads)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in plain}


def broken_links(page: Path) -> list[str]:
    """The links of a page that lead to no file, or to no heading of it."""
    found = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        target, _, anchor = link.partition("#")
        to = (page.parent / target).resolve() if target else page
        if "://" in link or target.startswith("mailto:"):
            continue
        if not to.exists() or (anchor and anchor not in anchors(to)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page: Path) -> None:
    assert broken_links(page) == [], f"{name_of(page)}: correct the path or the heading"


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Here `it` is\n[a](#here-it-is) [b](#nowhere) [c](page.md#here-it-is) [d](other.md) [e](page.md)\n"
    )
    assert broken_links(page) == ["#nowhere", "other.md"]


# -- commands


@dataclass(frozen=True)
class Quoted:
    """One command line as a page has it."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def quoted(page: Path) -> Iterator[Quoted]:
    """The commands of a page: lines of its blocks of code, and code in its text, that begin with our programs."""
    text = page.read_text()
    lines = [line.strip() for _, block in FENCE.findall(text) for line in re.sub(r"\\\n *", "", block).splitlines()]
    inline = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    for line in [*lines, *inline]:
        if COMMAND.match(line) and ("--" in line or line.startswith("pytest-isolation ")):
            yield Quoted(name_of(page), line)


COMMANDS = sorted({command for page in PAGES for command in quoted(page)}, key=str)


def check_pytest(words: list[str], config: pytest.Config, base: Path) -> None:
    """Raises when pytest's own parser, or ours of the values, refuses these arguments of pytest."""
    words = [word for word in words if word not in ("…", "...")]
    if "-n" in words:  # pytest-xdist's
        del words[words.index("-n") : words.index("-n") + 2]
    given, unknown = config._parser.parse_known_and_unknown_args(words)
    assert unknown == [], f"pytest has no {unknown}"
    options: dict[str, Any] = vars(given)
    for key in ("isolation_profile", "isolation_expect", "isolation_since"):  # a file that the reader has
        if str(options.get(key)).endswith((".json", ".toml", "FILE")):
            options[key] = None
    if options.get("isolation_boxes"):
        options["isolation_boxes"] = [box for box in options["isolation_boxes"] if not re.search(PLACEHOLDER, box)]
    options["isolation"] = True  # the options of a fixture stand alone
    root = TOP / Path(given.inifilename).parent if given.inifilename else TOP
    asked = from_options(options, rootdir=root, base=base, others_measure=True)
    asked.check_only(promise.id for promise in built_in_guarantees())


def check(text: str, config: pytest.Config, base: Path) -> None:
    """Raises when a command line of one of our programs, with what it starts, is refused."""
    program = COMMAND.match(text)
    assert program
    words = shlex.split(text[program.end() :], comments=True)
    if program[1] == "pytest":
        check_pytest(words, config, base)
        return
    modules = cli.command_modules()
    if len(words) == 1 and words[0] in [*modules, "docker-vm", "in-vm", "in-root"]:
        return  # its name alone, in a sentence
    given = cli.parser(modules).parse_args(words)
    inner = [word for word in getattr(given, "program", []) if word != "--"]
    if given.command in ("in-vm", "in-root"):
        check_pytest(inner, config, base)
    for word in inner:
        if COMMAND.match(word) and " " in word:
            check(word, config, base)


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_command(command: Quoted, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    check(command.text, pytestconfig, tmp_path)


SPEC = re.compile(r"^--box ('[^']*'|\"[^\"]*\"|\S+)", re.MULTILINE)
BOXES = sorted(
    {
        (name_of(page), spec)
        for page in PAGES
        for _, block in FENCE.findall(page.read_text())
        for spec in SPEC.findall(block)
    }
)


@pytest.mark.parametrize(("page", "spec"), BOXES)
def test_box(page: str, spec: str) -> None:
    assert parse(spec[1:-1] if spec[0] in "'\"" else spec)


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 50
    assert len(BOXES) > 30
    assert len({command.page for command in COMMANDS}) > 10


@pytest.mark.parametrize(
    "text",
    [
        "pytest --isolation --bax docker",
        "pytest --isolation --box dokker",
        "pytest --isolation --isolation-only pid.nothing-such",
        "pytest --isolation --isolation-report yaml:x",
        "pytest-isolation in-vm -- --isolation-exampels 3",
        "pytest-isolation docker-vm -- sh -c 'pytest --isolation --box dokker'",
        "pytest-isolation diff one.json --formaat md",
        "pytest-isolation destroy",
    ],
)
def test_a_wrong_command_is_seen(text: str, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    with pytest.raises((Exception, SystemExit)) as raised:
        check(text, pytestconfig, tmp_path)
    assert not isinstance(raised.value, (AttributeError, TypeError, KeyError, IndexError))


# -- places


def test_each_page_has_a_place_on_the_site() -> None:
    """mkdocs.yml says so to `mkdocs build --strict`, too; here it is found without MkDocs."""
    listed = re.findall(r"([\w/-]+\.md)$", (TOP / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = {str(path.relative_to(TOP / "docs")) for path in TOP.glob("docs/**/*.md")}
    decisions = {page for page in pages if page.startswith("adr/0")}
    assert sorted(listed) == sorted({*pages - decisions, "index.md"}), "add the page to `nav` in mkdocs.yml"
    assert {f"({page.removeprefix('adr/')})" for page in decisions} <= set(
        re.findall(r"\([^)]+\)", (TOP / "docs/adr/README.md").read_text())
    ), "add the decision to docs/adr/README.md"
