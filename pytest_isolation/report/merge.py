"""`pytest-isolation merge FILE|DIRECTORY ... [-o FILE]`: reports of many hosts as one, and who deviates from most."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "one report of many hosts' JSON reports: who deviates from the majority; exits with 1 when one is unreadable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pytest-isolation merge`."""
    parser.add_argument(
        "reports", metavar="FILE|DIRECTORY", nargs="+",
        help="JSON reports, named after their hosts; a directory stands for every .json below it",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FILE", help="also write all of it as JSON")
    parser.add_argument("--strict", action="store_true", help="1 also when a host deviates")


def run(given: argparse.Namespace) -> int:
    """0; 1 when a file is no report, a host's run failed or there is none; 2, with one sentence, for bad arguments."""
    from pytest_isolation.errors import UsageError
    from pytest_isolation.report import fleet
    from pytest_isolation.report.write import check_writable, give
    from pytest_isolation.stdout import say

    try:
        if given.output is not None:
            check_writable(Path(given.output), f"-o {given.output}")
        found = fleet.read(given.reports)
        if given.output is not None:
            give(given.output, fleet.written(found))
        for line in fleet.words(found):
            say(f"{line}\n")
    except UsageError as error:
        print(f"pytest-isolation merge: {error}", file=sys.stderr)
        return 2
    deviates = given.strict and any(rows for _, rows, _ in found.deviations())
    return 1 if found.unreadable or found.failed or not found.hosts or deviates else 0
