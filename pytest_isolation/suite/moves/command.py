"""`pytest-isolation moves`: virtual machines become files, are carried, and go on elsewhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime

HELP = "what survives when a virtual machine is kept as files, and goes on elsewhere or in another QEMU"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--suite",
        action="append",
        default=[],
        metavar="SUITE",
        help="a release of Debian whose QEMU takes part: bookworm, trixie, sid; repeatable; default: this host's alone",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("-o", type=Path, dest="output", metavar="FILE", help="write to FILE instead of to the terminal")


def run(given: argparse.Namespace) -> int:
    """0 when a machine was moved; 2, with one sentence, on a mistake or where no QEMU is here; 130, with what is known
    until then, when it was interrupted (SIGINT, SIGTERM, SIGHUP).
    """
    from pytest_isolation.errors import IsolationError
    from pytest_isolation.suite.interrupts import ended_by_signals
    from pytest_isolation.suite.output import check_writable
    from pytest_isolation.technologies.clean import clean

    try:
        with ended_by_signals():
            suites = _suites(given.suite)
            check_writable(given.output)
            clean()  # what one that was killed left
            return _measured(given, suites)
    except (IsolationError, OSError) as error:
        print(f"pytest-isolation moves: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _measured(given: argparse.Namespace, suites: list[str]) -> int:
    from pytest_isolation.machines.qemus import fetched
    from pytest_isolation.suite.interrupts import INTERRUPTED
    from pytest_isolation.suite.moves import told
    from pytest_isolation.suite.moves.measure import Measured, measure
    from pytest_isolation.suite.moves.plan import HOST
    from pytest_isolation.suite.output import write
    from pytest_isolation.technologies.clean import clean
    from pytest_isolation.technologies.qemu.emulator import of_this_host

    found = Measured()
    interrupted = False
    try:
        with _lifetime() as lifetime:
            emulators = {HOST: of_this_host()}
            emulators |= {suite: fetched(suite, lifetime, _tell) for suite in suites}
            measure(emulators, lifetime, tell=_tell, into=found)
    except KeyboardInterrupt:
        interrupted = True
        _tell(f"interrupted: {len(found.moves)} moves are told of")
    document = told.as_json(found, interrupted=interrupted)
    write(given.output, told.json_text(document) if given.format == "json" else told.text(document))
    if interrupted:
        clean()  # what resisted, or was made while the signal came
        return INTERRUPTED
    return 0 if any("refused" not in row for row in document["moves"]) else 2


@contextmanager
def _lifetime() -> Iterator[Lifetime]:
    from pytest_isolation.boxes.lifetime import Lifetime

    lifetime = Lifetime()
    try:
        yield lifetime
    finally:
        lifetime.close()


def _suites(given: list[str]) -> list[str]:
    from pytest_isolation.errors import UsageError
    from pytest_isolation.machines.qemus import SUITES

    for name in given:
        if name not in SUITES:
            raise UsageError(f"--suite {name}: expected one of {', '.join(SUITES)}")
    return list(dict.fromkeys(given))


def _tell(said: str) -> None:
    print(f"pytest-isolation moves: {said}", file=sys.stderr, flush=True)
