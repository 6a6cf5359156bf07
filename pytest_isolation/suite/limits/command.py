"""`pytest-isolation limits`: every limit in every way to write it, over each engine, and what the kernel has of it."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from pytest_isolation.suite import over_engines

if TYPE_CHECKING:
    from pytest_isolation.suite.limits.measure import Measured

HELP = "what the kernel is told of a limit that is written as 0, -1, 32m, 0-1, 2048:1024, by each engine"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--technology",
        action="append",
        default=[],
        metavar="NAME",
        help="docker, podman, cri, runc, crun, gvisor, lxc, nspawn, qemu; repeatable; default: all",
    )
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME", help="memory, pids, cpus ...; repeatable; default: all"
    )
    over_engines.add_output(parser)


def run(given: argparse.Namespace) -> int:
    """0 when a limit was asked for; 2, with one sentence, on a mistake, where no technology is here or nothing came of
    it; 130, with what is known until then, when it was interrupted (SIGINT, SIGTERM, SIGHUP).
    """
    return over_engines.run("limits", given.output, partial(_asked, given), partial(_measured, given))


def _asked(given: argparse.Namespace) -> tuple[list[str], list[str]]:
    """The technologies and the limits."""
    from pytest_isolation.boxes.wording import LIMITS
    from pytest_isolation.suite.limits.measure import TECHNOLOGIES

    names = over_engines.names_of(given.technology, TECHNOLOGIES, "--technology")
    return names, over_engines.names_of(given.limit, LIMITS, "--limit")


def _measured(given: argparse.Namespace, asked: tuple[list[str], list[str]]) -> int:
    from pytest_isolation.report.write import keep
    from pytest_isolation.suite.limits import render
    from pytest_isolation.suite.limits.measure import asked_any, measure

    names, limits = asked
    found: dict[str, Measured] = {}
    ask = partial(measure, names, limits, tell=partial(over_engines.tell, "limits"), into=found)
    interrupted = over_engines.cut_short("limits", names, found, ask)
    document = render.as_json(found, interrupted=interrupted)
    keep(given.output, over_engines.json_text(document) if given.format == "json" else render.text(document))
    if interrupted:
        return over_engines.left()
    return 0 if asked_any(found) else 2
