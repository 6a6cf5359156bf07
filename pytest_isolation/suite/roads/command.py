"""`pytest-isolation roads`: drawn trees over save and load, push and pull, build, commit, copy and others."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from pytest_isolation.suite import over_engines

if TYPE_CHECKING:
    from pytest_isolation.suite.roads.measure import Measured

COUNT = 10
MOST = 1000
HELP = "what of a tree survives save and load, push and pull, export, commit, build and cp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    over_engines.add_drawing(parser, engines="docker, podman, buildah, skopeo", drawn="trees", count=COUNT)
    over_engines.add_output(parser)


def run(given: argparse.Namespace) -> int:
    """0 when a road was travelled; 2, with one sentence, on a mistake or where no engine is here; 130, with what is
    known until then, when it was interrupted (SIGINT, SIGTERM, SIGHUP).
    """
    return over_engines.run("roads", given.output, partial(_asked, given), partial(_measured, given))


def _asked(given: argparse.Namespace) -> tuple[list[str], int]:
    """The engines, and how many trees."""
    from pytest_isolation.suite.roads.measure import engines

    names = over_engines.names_of(given.engine, engines())
    return names, over_engines.count_of(given.count, usual=COUNT, most=MOST)


def _measured(given: argparse.Namespace, asked: tuple[list[str], int]) -> int:
    from pytest_isolation.report.write import keep
    from pytest_isolation.suite.roads import render
    from pytest_isolation.suite.roads.measure import drawn, kept, measure

    names, count = asked
    seed = given.seed or 0
    found: dict[str, Measured] = {}
    trees = drawn(count, seed)
    ask = partial(measure, names, trees, tell=partial(over_engines.tell, "roads"), into=found)
    interrupted = over_engines.cut_short("roads", names, found, ask)
    document = render.as_json(found, len(trees), seed, interrupted=interrupted)
    text = over_engines.json_text(document) if given.format == "json" else render.text(found, len(trees))
    keep(given.output, text)
    if interrupted:
        return over_engines.left()
    return 0 if kept(found) else 2
