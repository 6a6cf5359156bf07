"""`pytest-isolation moves`: virtual machines become files, are carried, and go on elsewhere."""

from __future__ import annotations

import argparse
from contextlib import closing
from functools import partial

from pytest_isolation.report.lines import counted
from pytest_isolation.suite import over_engines

HELP = "what survives when a virtual machine is kept as files, and goes on elsewhere or in another QEMU"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--suite",
        action="append",
        default=[],
        metavar="SUITE",
        help="a release of Debian whose QEMU takes part beside this host's: bookworm, trixie, sid; repeatable",
    )
    over_engines.add_output(parser)


def run(given: argparse.Namespace) -> int:
    """0 when a machine was moved; 2, with one sentence, on a mistake or where no QEMU is here; 130 when it was
    interrupted (SIGINT, SIGTERM, SIGHUP).  However it ends, what is known until then is written.
    """
    return over_engines.run("moves", given.output, partial(_suites, given.suite), partial(_measured, given))


def _measured(given: argparse.Namespace, suites: list[str]) -> int:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.machines.qemus import fetched
    from pytest_isolation.report.write import keep
    from pytest_isolation.suite.moves import render
    from pytest_isolation.suite.moves.measure import Measured, measure
    from pytest_isolation.suite.moves.plan import HOST
    from pytest_isolation.technologies.qemu.emulator import of_this_host

    found = Measured()
    tell = partial(over_engines.tell, "moves")
    whole = interrupted = False
    try:
        with closing(Lifetime()) as lifetime:
            emulators = {HOST: of_this_host()}
            emulators |= {suite: fetched(suite, lifetime, tell) for suite in suites}
            measure(emulators, lifetime, tell=tell, into=found)
        whole = True
    except KeyboardInterrupt:
        interrupted = True
        tell(f"interrupted: {counted(len(found.moves), 'move is', 'moves are')} told of")
    finally:
        document = render.as_json(found, interrupted=not whole)
        if found.moves or interrupted:
            keep(given.output, over_engines.json_text(document) if given.format == "json" else render.text(document))
    if interrupted:
        return over_engines.left()
    return 0 if any("refused" not in row for row in document["moves"]) else 2


def _suites(given: list[str]) -> list[str]:
    from pytest_isolation.errors import UsageError
    from pytest_isolation.machines.release import SUITES

    for name in given:
        if name not in SUITES:
            raise UsageError(f"--suite {name}: expected one of {', '.join(SUITES)}")
    return list(dict.fromkeys(given))
