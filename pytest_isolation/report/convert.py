"""`pytest-isolation report A.json FORMAT:PATH ...`: a report that is there in other formats."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "write a JSON report in other formats"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pytest-isolation convert`."""
    from pytest_isolation.report import FORMATS

    parser.add_argument("report", metavar="A.json", help="a JSON report, of --isolation-report json:A.json")
    parser.add_argument(
        "formats", metavar="FORMAT:PATH", nargs="+", help=f"one of {', '.join(FORMATS)}; PATH - is the standard output"
    )


def run(given: argparse.Namespace) -> int:
    """0; 2, with one sentence, when the report cannot be read or another not be written."""
    from pytest_isolation.errors import UsageError
    from pytest_isolation.report import FORMATS, read, renderer
    from pytest_isolation.report.write import give

    try:
        found = read.report(Path(given.report))
        for text in given.formats:
            kind, _, path = text.partition(":")
            if kind not in FORMATS or not path:
                raise UsageError(f"{text!r}: expected FORMAT:PATH with one of {', '.join(FORMATS)}, as in md:report.md")
            give(path, renderer(kind)(found))
    except UsageError as error:
        print(f"pytest-isolation report: {error}", file=sys.stderr)
        return 2
    return 0
