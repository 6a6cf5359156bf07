"""`pytest-isolation merge FILE|DIRECTORY ... [-o FILE]`: reports of many hosts as one, and who deviates from most."""

from __future__ import annotations

import argparse
import os
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

    try:
        if given.output is not None:
            _check_output(given.output)
        found = fleet.read(given.reports)
        if given.output is not None:
            _write(Path(given.output), found)
    except UsageError as error:
        print(f"pytest-isolation merge: {error}", file=sys.stderr)
        return 2
    for line in fleet.words(found):
        print(line)
    deviates = given.strict and any(rows for _, rows, _ in found.deviations())
    return 1 if found.unreadable or found.failed or not found.hosts or deviates else 0


def _check_output(path: str) -> None:
    """Raises UsageError now, and not when all is read."""
    from pytest_isolation.errors import UsageError

    directory = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not os.access(directory, os.W_OK):
        raise UsageError(f"{path}: cannot be written; expected a file in a directory that is there and may be written")


def _write(path: Path, found: object) -> None:
    from pytest_isolation.errors import UsageError
    from pytest_isolation.report import fleet

    assert isinstance(found, fleet.Fleet)
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(fleet.written(found))
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written: {error.strerror}; expected a place that has room") from None
