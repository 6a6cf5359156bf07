"""Coverage: what others ask of a box, and with which guarantee of ours, or why with none.

    dev/document-coverage

A file of data/coverage/ has a line for each property of a list, or for the tests of a suite that ask the same:

    {id = "pid.ppid-zero", what = "...", by = "pid.ppid-zero"}                covered
    {tests = ["pidns02", "mqns_*"], what = "...", by = "...", partly = "..."} ours tries less: what is left out
    {id = "life.hooks-order", what = "...", no = "..."}                       not covered, and why

`by` has ids of guarantees, patterns of them (`cap.*-denied`), and `host:FEATURE` of host support.  A suite has its
tests by name, in a file beside it: the first line that matches a test is the one that counts it.
"""

from __future__ import annotations

import argparse
import pkgutil
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from pytest_isolation.support import features
from pytest_isolation.support.feature import REGISTRY
from tests.support import built_in_checks

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data" / "coverage"
PAGE = ROOT / "docs" / "coverage.md"
LISTS = ("catalogue", "newer")
SUITES = (
    "runtime-tools", "youki", "runc", "crun", "critest", "ltp", "docker-bench-security", "sandboxposture",
)  # fmt: skip
STATES = ("covered", "partly", "not")
HOST = "host:"


@dataclass(frozen=True)
class Line:
    """One property, or the tests of a suite that ask the same."""

    id: str
    """Of a property; empty for tests."""
    tests: tuple[str, ...]
    """Patterns of their names; empty for a property."""
    what: str
    by: tuple[str, ...]
    partly: str
    no: str

    @property
    def state(self) -> str:
        return "not" if self.no else "partly" if self.partly else "covered"

    @property
    def domain(self) -> str:
        return self.id.partition(".")[0]

    def cell(self) -> str:
        """What the page says covers it."""
        named = ", ".join(f"`{one}`" for one in self.by)
        return {"covered": named, "partly": f"{named}<br>{self.partly}", "not": self.no}[self.state]


@dataclass(frozen=True)
class Source:
    """A list of properties, or a suite."""

    name: str
    title: str
    said: str
    repository: str
    commit: str
    lines: tuple[Line, ...]
    tests: tuple[str, ...]
    """The names of a suite's own tests, one each."""

    def counted(self) -> dict[Line, int]:
        """Line -> its tests, without those that an earlier line has."""
        found = dict.fromkeys(self.lines, 0)
        for test in self.tests:
            if (line := self.line_of(test)) is not None:
                found[line] += 1
        return found

    def line_of(self, test: str) -> Line | None:
        return next((one for one in self.lines if any(fnmatchcase(test, name) for name in one.tests)), None)


def source(name: str) -> Source:
    """Raises ValueError for a line that says too little or too much."""
    table = tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))
    listed = DATA / f"{name}.txt"
    tests = tuple(listed.read_text(encoding="utf-8").splitlines()) if listed.exists() else ()
    return Source(
        name, table["title"], table["said"], table.get("source", ""), table.get("commit", ""),
        tuple(_line(name, said) for said in table["lines"]), tests,
    )  # fmt: skip


def _line(name: str, said: Mapping[str, Any]) -> Line:
    by, partly, no = tuple(said.get("by", "").split()), said.get("partly", ""), said.get("no", "")
    if bool(by) == bool(no) or (partly and no):
        raise ValueError(f"{name}.toml: {said}: expected by, by with partly, or no")
    if ("id" in said) == ("tests" in said):
        raise ValueError(f"{name}.toml: {said}: expected id, or tests")
    return Line(said.get("id", ""), tuple(said.get("tests", ())), said["what"], by, partly, no)


def sources() -> list[Source]:
    return [source(name) for name in (*LISTS, *SUITES)]


def own() -> dict[str, str]:
    """Guarantee, or a pattern of some, that nobody's list has -> what it is for."""
    return dict(tomllib.loads((DATA / "of-our-own.toml").read_text(encoding="utf-8")))


@cache
def guarantees() -> frozenset[str]:
    return frozenset(promise.id for promise, _ in built_in_checks())


@cache
def supported() -> frozenset[str]:
    """The ids of the features of host support."""
    for module in pkgutil.iter_modules(features.__path__):
        import_module(f"{features.__name__}.{module.name}")
    return frozenset(REGISTRY)


def meant(name: str) -> set[str]:
    """The guarantees that a word of `by` names; of host support: its feature.  Empty: there is none."""
    known = supported() if name.startswith(HOST) else guarantees()
    return {one for one in known if fnmatchcase(one, name.removeprefix(HOST))}


def unknown() -> list[str]:
    """Words of `by`, and of what is our own, that name nothing."""
    words = {word for one in sources() for line in one.lines for word in line.by} | set(own())
    return sorted(word for word in words if not meant(word))


def named() -> set[str]:
    """The guarantees that a list or a suite has a line for."""
    words = {word for one in sources() for line in one.lines for word in line.by if not word.startswith(HOST)}
    return {id for word in words for id in meant(word)}


# -- the page --------------------------------------------------------------------------------------------------

HEAD = """# Coverage

<!-- Written by dev/document-coverage from tests/data/coverage: change that, then run it. -->

What others ask of a box, and with which guarantee this suite asks the same. *Partly*: ours tries less, and the line
says what is left out. *Not*: the line says why. A suite's tests are counted by name, at the commit that is given; a
test may ask for more than its name says. What a guarantee tries, and what it assumes, is in
[what `holds` means](what-holds-means.md).

- Of {properties} properties {covered} are covered, {partly} partly, {no} not.
- Of {tests} tests of {suites} suites {tests_covered} are covered, {tests_partly} partly,
  {tests_no} not ([why](#why-not)).
- Of our {all} guarantees {ours} are asked by none of them.

    dev/document-coverage        # write this page, after a line was added to tests/data/coverage
"""
COLUMNS = "| {first} | {second} | covered | partly | not |\n|---|---|---|---|---|"


def page() -> str:
    found = sources()
    lists, suites = found[: len(LISTS)], found[len(LISTS) :]
    lines = [line for one in lists for line in one.lines]
    sums = _sums([(line, 1) for line in lines])
    tested = _sums([pair for one in suites for pair in one.counted().items()])
    ours = sorted(guarantees() - named())
    parts = [
        HEAD.format(
            properties=len(lines), covered=sums["covered"], partly=sums["partly"], no=sums["not"],
            tests=sum(tested.values()), suites=len(suites), tests_covered=tested["covered"],
            tests_partly=tested["partly"], tests_no=tested["not"], ours=len(ours), all=len(guarantees()),
        ),
        "## By domain\n",
        COLUMNS.format(first="domain", second="properties"),
    ]  # fmt: skip
    for domain in dict.fromkeys(line.domain for line in lines):
        parts.append(_count(f"`{domain}`", [(line, 1) for line in lines if line.domain == domain]))
    parts += ["", "## By suite\n", COLUMNS.format(first="suite", second="tests")]
    parts += [_count(f"[{one.title}](#{_anchor(one.title)})", list(one.counted().items())) for one in suites]
    for one in lists:
        parts += ["", f"## {one.title}\n", f"{one.said}", *_properties(one)]
    for one in suites:
        parts += ["", f"## {one.title}\n", _introduced(one), "", *_tests(one)]
    parts += ["", "## Why not\n", "Reasons of more than one test or property, the most frequent first.\n"]
    parts += _reasons([(line, 1) for line in lines], [pair for one in suites for pair in one.counted().items()])
    parts += ["", "## Of our own\n", "Guarantees that none of these lists has.\n", "| guarantee | why |\n|---|---|"]
    parts += [f"| `{name}` | {why} |" for name, why in sorted(own().items())]
    return "\n".join([*parts, ""])


def _sums(pairs: Sequence[tuple[Line, int]]) -> dict[str, int]:
    return {state: sum(number for line, number in pairs if line.state == state) for state in STATES}


def _count(first: str, pairs: Sequence[tuple[Line, int]]) -> str:
    sums = _sums(pairs)
    return f"| {first} | {sum(sums.values())} | {' | '.join(str(sums[state]) for state in STATES)} |"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _introduced(one: Source) -> str:
    at = f"[{one.repository}](https://github.com/{one.repository}/tree/{one.commit}) at {one.commit[:12]}"
    return f"{at}. {one.said}"


def _properties(one: Source) -> Iterator[str]:
    """By domain, where its lines are in that order."""
    table = "| property | what | state | by, or why not |\n|---|---|---|---|"
    if one.name != LISTS[0]:
        yield f"\n{table}"
    for domain, lines in groupby(one.lines, key=lambda line: line.domain):
        if one.name == LISTS[0]:
            yield f"\n### {domain}\n\n{table}"
        yield from (f"| `{line.id}` | {line.what} | {line.state} | {line.cell()} |" for line in lines)


def _tests(one: Source) -> Iterator[str]:
    yield "| tests | number | what | state | by, or why not |\n|---|---|---|---|---|"
    for line, number in one.counted().items():
        names = ", ".join(f"`{name}`" for name in line.tests)
        yield f"| {names} | {number} | {line.what} | {line.state} | {line.cell()} |"


def _reasons(properties: Sequence[tuple[Line, int]], tests: Sequence[tuple[Line, int]]) -> Iterator[str]:
    """Of what is not covered: why, with how many tests and properties."""
    tally: dict[str, list[int]] = {}
    for column, pairs in enumerate((tests, properties)):
        for line, number in pairs:
            if line.no:
                tally.setdefault(line.no, [0, 0])[column] += number
    yield "| why | tests | properties |\n|---|---|---|"
    for why, (asked, listed) in sorted(tally.items(), key=lambda item: (-item[1][0], -item[1][1], item[0])):
        if asked + listed > 1:
            yield f"| {why} | {asked} | {listed} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/document-coverage", description="Write docs/coverage.md.")
    parser.add_argument("--check", action="store_true", help="fail where the page is not current")
    if parser.parse_args().check:
        sys.exit(
            0 if PAGE.read_text(encoding="utf-8") == page() else f"{PAGE} is not current; run dev/document-coverage"
        )
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
