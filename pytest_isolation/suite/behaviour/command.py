"""`pytest-isolation behaviour`: calls that end otherwise in a box than on its machine, and what a program sees."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from pytest_isolation.suite import over_engines

if TYPE_CHECKING:
    from pytest_isolation.suite.behaviour.measure import Measured

COUNT = 100
MOST = 10_000
HELP = "which ordinary calls end otherwise in a box than on its machine, and what a program sees of where it is"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    over_engines.add_drawing(
        parser, engines="docker, podman, namespaces ...", drawn="sequences of each kind", count=COUNT,
        option="--technology",
    )  # fmt: skip
    parser.add_argument(
        "--kind", action="append", default=[], metavar="NAME", help="files, names, image ...; repeatable; default: all"
    )
    over_engines.add_output(parser)


def run(given: argparse.Namespace) -> int:
    """0 when calls were compared; 2, with one sentence, on a mistake or where no technology is here; 130, with what is
    known until then, when it was interrupted (SIGINT, SIGTERM, SIGHUP).
    """
    return over_engines.run("behaviour", given.output, partial(_asked, given), partial(_measured, given))


def _asked(given: argparse.Namespace) -> tuple[list[str], list[str], int]:
    """The technologies, the kinds, and how many sequences of each."""
    from pytest_isolation.outside.behaviour.kinds import BY_NAME
    from pytest_isolation.suite.behaviour.measure import TECHNOLOGIES

    names = over_engines.names_of(given.technology, TECHNOLOGIES, "--technology")
    kinds = over_engines.names_of(given.kind, BY_NAME, "--kind")
    return names, kinds, over_engines.count_of(given.count, usual=COUNT, most=MOST)


def _measured(given: argparse.Namespace, asked: tuple[list[str], list[str], int]) -> int:
    from pytest_isolation.report.write import keep
    from pytest_isolation.suite.behaviour import render
    from pytest_isolation.suite.behaviour.measure import compared_any, drawn, measure

    names, kinds, count = asked
    seed = given.seed or 0
    found: dict[str, Measured] = {}
    sequences = {kind: drawn(kind, count, seed) for kind in kinds}
    ask = partial(measure, names, sequences, tell=partial(over_engines.tell, "behaviour"), into=found)
    interrupted = over_engines.cut_short("behaviour", names, found, ask)
    document = render.as_json(found, seed, interrupted=interrupted)
    keep(given.output, over_engines.json_text(document) if given.format == "json" else render.text(document))
    if interrupted:
        return over_engines.left()
    return 0 if compared_any(found) else 2
