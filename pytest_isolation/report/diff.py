"""`pytest-isolation diff A.json B.json`: what the second run has weaker, stronger, new or gone.

A gate: 1 when something is weaker, and when what held is not decided any more.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_isolation.report.compare import Comparison

HELP = "compare two JSON reports; exits with 1 when something got weaker, or is not known any more"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pytest-isolation diff`."""
    parser.add_argument("before", metavar="A.json", help="a JSON report, of --isolation-report json:A.json")
    parser.add_argument("after", metavar="B.json", help="the later one")
    parser.add_argument("--format", choices=("text", "md", "sarif"), default="text", help="default: text")
    parser.add_argument(
        "--pair",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="compare box OLD of the first with NEW of the second (repeatable); without it boxes of one name, "
        "and two reports of one box each",
    )
    parser.add_argument(
        "--strict", action="store_true", help="1 also for a new violation, for what is gone, and for a new box"
    )


def run(given: argparse.Namespace) -> int:
    """0; 1 when something is weaker or lost; 2, with one sentence, when a report cannot be compared."""
    from pytest_isolation.errors import UsageError
    from pytest_isolation.report import compare, read
    from pytest_isolation.stdout import say

    try:
        names = _pairs(given.pair)
        found = compare.compare(read.report(Path(given.before)), read.report(Path(given.after)), names)
        say(_shown(found, given.format))
    except (UsageError, ValueError) as error:
        print(f"pytest-isolation diff: {error}", file=sys.stderr)
        return 2
    more = any(one.after == Verdict.VIOLATED for one in found.of("new")) or found.of("gone") or found.unpaired
    return 1 if found.of("weaker") or found.lost or (given.strict and more) else 0


def _shown(found: Comparison, format: str) -> str:
    from pytest_isolation.report import compare, sarif
    from pytest_isolation.stdout import is_terminal

    if format == "md":
        return compare.markdown(found)
    if format == "sarif":
        return sarif.compared(found)
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    return compare.text(found, width=width, color=is_terminal())


def _pairs(given: Iterable[str]) -> dict[str, str]:
    """Raises UsageError for what is no pair, and for a box in two of them: one would be passed over."""
    from pytest_isolation.errors import UsageError

    found: dict[str, str] = {}
    for text in dict.fromkeys(given):
        old, new = _pair(text)
        if old in found or new in found.values():
            raise UsageError(f"--pair {text!r}: one of the two is in another --pair; give each box once")
        found[old] = new
    return found


def _pair(text: str) -> tuple[str, str]:
    from pytest_isolation.errors import UsageError

    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise UsageError(f"--pair {text!r}: expected OLD=NEW, the names of a box in the first and the second report")
    return old, new
