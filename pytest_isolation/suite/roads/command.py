"""`pytest-isolation roads`: drawn trees over save and load, push and pull, build, commit, copy and others."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.suite.roads.measure import Measured

COUNT = 10
MOST = 1000
HELP = "what of a tree survives save and load, push and pull, export, commit, build and cp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--engine",
        action="append",
        default=[],
        metavar="NAME",
        help="docker, podman, buildah, skopeo; repeatable; default: all",
    )
    parser.add_argument(
        "--count", type=int, default=COUNT, metavar="N", help=f"trees that are drawn (default: {COUNT})"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which are drawn (default: 0)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("-o", type=Path, dest="output", metavar="FILE", help="write to FILE instead of to the terminal")


def run(given: argparse.Namespace) -> int:
    """0 when a road was travelled; 2, with one sentence, on a mistake or where no engine is here; 130, with what is
    known until then, when it was interrupted (SIGINT, SIGTERM, SIGHUP).
    """
    from pytest_isolation.errors import IsolationError
    from pytest_isolation.suite.interrupts import ended_by_signals
    from pytest_isolation.suite.output import check_writable
    from pytest_isolation.technologies.clean import clean

    try:
        with ended_by_signals():
            names = _names(given.engine)
            _check_count(given.count)
            check_writable(given.output)
            clean()  # what one that was killed left
            return _measured(given, names)
    except (IsolationError, OSError) as error:
        print(f"pytest-isolation roads: {error}", file=sys.stderr)
        return 2


def _measured(given: argparse.Namespace, names: list[str]) -> int:
    from pytest_isolation.suite.interrupts import INTERRUPTED
    from pytest_isolation.suite.output import write
    from pytest_isolation.suite.roads import told
    from pytest_isolation.suite.roads.measure import drawn, kept, measure
    from pytest_isolation.technologies.clean import clean

    found: dict[str, Measured] = {}
    trees = drawn(given.count, given.seed)
    interrupted = False
    try:
        measure(names, trees, tell=_tell, into=found)
    except KeyboardInterrupt:
        interrupted = True
        _tell(f"interrupted: {', '.join(found) or 'no engine'} of {', '.join(names)} is told of")
    document = told.as_json(found, len(trees), given.seed, interrupted=interrupted)
    write(given.output, told.json_text(document) if given.format == "json" else told.text(found, len(trees)))
    if interrupted:
        clean()  # what resisted, or was made while the signal came
        return INTERRUPTED
    return 0 if kept(found) else 2


def _check_count(count: int) -> None:
    from pytest_isolation.errors import UsageError

    if not 0 < count <= MOST:
        raise UsageError(f"--count {count}: expected a whole number from 1 to {MOST}, for example {COUNT}")


def _names(given: list[str]) -> list[str]:
    from pytest_isolation.errors import UsageError
    from pytest_isolation.suite.roads.measure import engines

    known = list(engines())
    for name in given:
        if name not in known:
            raise UsageError(f"--engine {name}: expected one of {', '.join(known)}")
    return list(dict.fromkeys(given)) or known


def _tell(said: str) -> None:
    print(f"pytest-isolation roads: {said}", file=sys.stderr, flush=True)
