"""`pytest-isolation layers`: the engines of this machine over drawn layers, beside the OCI image specification."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.suite import over_engines

if TYPE_CHECKING:
    from pytest_isolation.boxes.layers.model import Layers

COUNT = 100
MOST = 100_000
HELP = "compare what engines and tools make of drawn image layers with the OCI image specification"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    over_engines.add_drawing(parser, engines="docker, podman-overlay, umoci, ...", drawn="sequences", count=COUNT)
    parser.add_argument(
        "--cases", type=Path, metavar="FILE", help="the sequences of such a JSON, and none that is drawn"
    )
    parser.add_argument("--smallest", action="store_true", help="make what shows a difference as small as it can be")
    over_engines.add_output(parser)


def run(given: argparse.Namespace) -> int:
    """0; 1 when an engine differs where the specification decides; 2, with one sentence, on a mistake; 130, with what
    is known until then, when it was interrupted (SIGINT, SIGTERM, SIGHUP).
    """
    return over_engines.run("layers", given.output, partial(_asked, given), partial(_compared, given))


def _asked(given: argparse.Namespace) -> tuple[list[str], list[Layers]]:
    """The engines and the sequences."""
    from pytest_isolation.suite.layers.engines import engines

    return over_engines.names_of(given.engine, engines()), _sequences(given)


def _compared(given: argparse.Namespace, asked: tuple[list[str], list[Layers]]) -> int:
    from pytest_isolation.report.write import keep
    from pytest_isolation.stdout import say
    from pytest_isolation.suite.layers import render
    from pytest_isolation.suite.layers.search import Compared, cases, compare

    names, sequences = asked
    found: dict[str, Compared] = {}
    over: dict[str, Compared] = {}
    tell = partial(over_engines.tell, "layers")

    def ask() -> None:
        compare(names, sequences, smallest=given.smallest, tell=tell, into=found)
        if given.format == "json" and not all(one.missing for one in found.values()):
            over.update(found if given.cases else compare(names, cases(found)))

    interrupted = over_engines.cut_short("layers", names, found, ask)
    if not interrupted and all(one.missing for one in found.values()):
        say(render.text(found, len(sequences)))
        return 2
    kept = sequences if given.cases else cases(found)
    if given.format == "json":
        document = render.as_json(found, len(sequences), kept, over, interrupted=interrupted)
        keep(given.output, over_engines.json_text(document))
    else:
        keep(given.output, render.text(found, len(sequences)))
    if interrupted:
        return over_engines.left()
    return int(any(not kind.silent for one in found.values() for kind in one.counted))


def _sequences(given: argparse.Namespace) -> list[Layers]:
    from pytest_isolation.errors import UsageError
    from pytest_isolation.suite.layers.draw import drawn

    if given.cases is not None:
        for option, value in (("--count", given.count), ("--seed", given.seed)):
            if value is not None:
                raise UsageError(f"{option} {value} draws, and --cases {given.cases} has what is tried; leave one out")
        return _of_file(given.cases)
    return drawn(over_engines.count_of(given.count, usual=COUNT, most=MOST), given.seed or 0)


def _of_file(path: Path) -> list[Layers]:
    """Raises UsageError for what is no such file, and for a sequence that leads out of its directory."""
    from pytest_isolation.boxes.layers.model import Layers, from_json, leads_out
    from pytest_isolation.errors import UsageError
    from pytest_isolation.suite.layers.render import SCHEMA, in_words

    expected = "expected what `pytest-isolation layers --format json` wrote"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--cases {path}: {error.strerror}; {expected}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--cases {path} is no JSON ({error}); {expected}") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise UsageError(f"--cases {path}: its schema is {schema!r}, and not {SCHEMA!r}; {expected}")
    cases = document.get("cases")
    if not isinstance(cases, list) or not cases:
        raise UsageError(f"--cases {path} has no cases; {expected}, with something that differs")
    found = []
    for number, case in enumerate(cases):
        where = f"--cases {path}: case {number}, counted from 0,"
        try:
            sequence = from_json(case["layers"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"{where} is no sequence of layers ({error!r}); {expected}") from None
        if entry := leads_out(sequence):
            said = in_words(Layers(((entry,),)))
            raise UsageError(f"{where} leads out of its directory: {said}; expected names and links below it")
        found.append(sequence)
    return found
