"""`pytest-isolation layers`: the engines of this machine over drawn layers, beside the OCI image specification."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.boxes.layers.model import Layers

COUNT = 100
MOST = 100_000
HELP = "compare what engines and tools make of drawn image layers with the OCI image specification"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--engine",
        action="append",
        default=[],
        metavar="NAME",
        help="docker, podman-overlay, umoci, ...; repeatable; default: all",
    )
    parser.add_argument("--count", type=int, metavar="N", help=f"sequences that are drawn (default: {COUNT})")
    parser.add_argument("--seed", type=int, metavar="N", help="which are drawn (default: 0)")
    parser.add_argument(
        "--cases", type=Path, metavar="FILE", help="the sequences of such a JSON, and none that is drawn"
    )
    parser.add_argument("--smallest", action="store_true", help="make what shows a difference as small as it can be")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("-o", type=Path, dest="output", metavar="FILE", help="write to FILE instead of to the terminal")


def run(given: argparse.Namespace) -> int:
    """0; 1 when an engine differs where the specification decides; 2, with one sentence, on a mistake; 130, with what
    is known until then, when it was interrupted (SIGINT, SIGTERM, SIGHUP).
    """
    from pytest_isolation.errors import IsolationError
    from pytest_isolation.suite.interrupts import ended_by_signals
    from pytest_isolation.suite.output import check_writable
    from pytest_isolation.technologies.clean import clean

    try:
        with ended_by_signals():
            names, sequences = _names(given.engine), _sequences(given)
            check_writable(given.output)
            clean()  # what one that was killed left
            return _compared(given, names, sequences)
    except IsolationError as error:
        print(f"pytest-isolation layers: {error}", file=sys.stderr)
        return 2


def _compared(given: argparse.Namespace, names: list[str], sequences: list[Layers]) -> int:
    from pytest_isolation.suite.interrupts import INTERRUPTED
    from pytest_isolation.suite.layers import told
    from pytest_isolation.suite.layers.search import Compared, cases, compare
    from pytest_isolation.suite.output import write
    from pytest_isolation.technologies.clean import clean

    found: dict[str, Compared] = {}
    over: dict[str, Compared] = {}
    interrupted = False
    kept = sequences if given.cases else []
    try:
        compare(names, sequences, smallest=given.smallest, tell=_tell, into=found)
        if all(one.missing for one in found.values()):
            print(told.text(found, len(sequences)), end="")
            return 2
        kept = kept or cases(found)
        if given.format == "json":
            over = found if given.cases else compare(names, kept)
    except KeyboardInterrupt:
        interrupted = True
        kept = kept or cases(found)
        _tell(f"interrupted: {', '.join(found) or 'no engine'} of {', '.join(names)} is told of")
    if given.format == "json":
        document = told.as_json(found, len(sequences), kept, over, interrupted=interrupted)
        write(given.output, told.json_text(document))
    else:
        write(given.output, told.text(found, len(sequences)))
    if interrupted:
        clean()  # what resisted, or was made while the signal came
        return INTERRUPTED
    return int(any(not kind.silent for one in found.values() for kind in one.counted))


def _tell(said: str) -> None:
    print(f"pytest-isolation layers: {said}", file=sys.stderr, flush=True)


def _names(given: list[str]) -> list[str]:
    from pytest_isolation.errors import UsageError
    from pytest_isolation.suite.layers.engines import engines

    known = list(engines())
    for name in given:
        if name not in known:
            raise UsageError(f"--engine {name}: expected one of {', '.join(known)}")
    return list(dict.fromkeys(given)) or known


def _sequences(given: argparse.Namespace) -> list[Layers]:
    from pytest_isolation.errors import UsageError
    from pytest_isolation.suite.layers.draw import drawn

    if given.cases is not None:
        for option, value in (("--count", given.count), ("--seed", given.seed)):
            if value is not None:
                raise UsageError(f"{option} {value} draws, and --cases {given.cases} has what is tried; leave one out")
        return _of_file(given.cases)
    count = COUNT if given.count is None else given.count
    if not 0 < count <= MOST:
        raise UsageError(f"--count {count}: expected a whole number from 1 to {MOST}, for example {COUNT}")
    return drawn(count, given.seed or 0)


def _of_file(path: Path) -> list[Layers]:
    """Raises UsageError for what is no such file, and for a sequence that leads out of its directory."""
    from pytest_isolation.boxes.layers.model import Layers, from_json, leads_out
    from pytest_isolation.errors import UsageError
    from pytest_isolation.suite.layers.told import SCHEMA, in_words

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
