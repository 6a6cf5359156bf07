"""What commands have in common that ask the engines of this machine: `layers`, `roads`, `limits` and their like."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def add_drawing(
    parser: argparse.ArgumentParser, *, engines: str, drawn: str, count: int, option: str = "--engine"
) -> None:
    """`option`, --count and --seed.  `engines`: which there are; `drawn`: the things, as a noun; `count`: of them."""
    parser.add_argument(
        option, action="append", default=[], metavar="NAME", help=f"{engines}; repeatable; default: all"
    )
    parser.add_argument("--count", type=int, metavar="N", help=f"{drawn} that are drawn (default: {count})")
    parser.add_argument("--seed", type=int, metavar="N", help="which are drawn (default: 0)")


def add_output(parser: argparse.ArgumentParser) -> None:
    """--format and -o."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument(
        "-o", default="-", dest="output", metavar="FILE", help="write to FILE instead of to the terminal (-)"
    )


def run(name: str, output: str, asked: Callable[[], T], measured: Callable[[T], int]) -> int:
    """The command's exit status: `measured` of what was `asked`; 2, with one sentence, on a mistake."""
    from pytest_isolation.errors import IsolationError
    from pytest_isolation.report.write import STDOUT, check_writable
    from pytest_isolation.suite.interrupts import ended_by_signals
    from pytest_isolation.technologies.clean import clean

    try:
        with ended_by_signals():
            wanted = asked()
            if output != STDOUT:
                check_writable(Path(output), f"-o {output}")
            clean()  # what one that was killed left
            return measured(wanted)
    except (IsolationError, OSError) as error:
        tell(name, str(error))
        return 2


def names_of(given: Sequence[str], engines: Collection[str], option: str = "--engine") -> list[str]:
    """Of `option`: all, where none was given.  Raises UsageError."""
    from pytest_isolation.errors import UsageError

    for name in given:
        if name not in engines:
            raise UsageError(f"{option} {name}: expected one of {', '.join(engines)}")
    return list(dict.fromkeys(given)) or list(engines)


def count_of(given: int | None, *, usual: int, most: int) -> int:
    """Of --count.  Raises UsageError."""
    from pytest_isolation.errors import UsageError

    count = usual if given is None else given
    if not 0 < count <= most:
        raise UsageError(f"--count {count}: expected a whole number from 1 to {most}, for example {usual}")
    return count


def tell(name: str, said: str) -> None:
    """A line on standard error, from the command `name`."""
    print(f"pytest-isolation {name}: {said}", file=sys.stderr, flush=True)


def cut_short(name: str, engines: Sequence[str], found: Collection[str], ask: Callable[[], object]) -> bool:
    """Whether a signal ended `ask`, by which the engines come to be in `found`: those are told of all the same."""
    try:
        ask()
    except KeyboardInterrupt:
        tell(name, f"interrupted: {', '.join(found) or 'no engine'} of {', '.join(engines)} is told of")
        return True
    return False


def left() -> int:
    """The exit status of one that was interrupted; what resisted, or was made while the signal came, is removed."""
    from pytest_isolation.suite.interrupts import INTERRUPTED
    from pytest_isolation.technologies.clean import clean

    clean()
    return INTERRUPTED


def json_text(document: Any) -> str:
    """One that can be read and compared line by line."""
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"
