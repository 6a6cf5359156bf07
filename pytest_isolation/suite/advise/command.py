"""`pytest-isolation advise --box docker:…`: the smallest change that mends what the box breaks, by trying it."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report.lines import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.guarantees.guarantee import Guarantee
    from pytest_isolation.options.config import RunConfig
    from pytest_isolation.report.advice import Advice, Step
    from pytest_isolation.suite.advise.search import ChangeResult, Found
    from pytest_isolation.suite.measure import Check

HELP = "find the fewest keywords that mend what a box breaks, by starting such boxes and measuring them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `pytest-isolation advise`."""
    parser.add_argument(
        "--box",
        required=True,
        metavar="SPEC",
        help="as pytest's --box: docker:pid_mode=host, or a name in the pyproject.toml here",
    )
    parser.add_argument(
        "--isolation-only",
        action="append",
        default=[],
        metavar="GLOB,...",
        help="only guarantees with such ids; repeatable",
    )
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="KEY,...",
        help="keywords of the box that stay as they are: network,uid; repeatable",
    )
    parser.add_argument("--isolation-examples", type=int, metavar="N", help="examples for each check")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(given: argparse.Namespace) -> int:
    """0; 1 when nothing that was tried mends any of what is violated; 2, with one sentence, on a mistake."""
    from pytest_isolation.errors import IsolationError, UsageError
    from pytest_isolation.options.config import boxes_of, words
    from pytest_isolation.report import advice
    from pytest_isolation.stdout import is_terminal, say
    from pytest_isolation.suite.interrupts import ended_by_signals

    try:
        if given.isolation_examples is not None and given.isolation_examples < 1:
            raise UsageError(
                f"--isolation-examples {given.isolation_examples}: expected a whole number above 0, for example 100"
            )
        (spec,) = boxes_of([given.box], Path.cwd())
        only = words("--isolation-only", given.isolation_only, "a glob over guarantee ids, for example pid.*")
        keep = words("--keep", given.keep, "a key of the box, for example network")
        with ended_by_signals():
            found = advise(spec, only=only, keep=keep, examples=given.isolation_examples, tell=_tell)
        width = min(shutil.get_terminal_size((100, 24)).columns, 120)
        if given.format == "json":
            say(f"{json.dumps(advice.to_json(found), indent=2)}\n")
        else:
            say(advice.text(found, width=width, color=is_terminal()))
    except IsolationError as error:
        print(f"pytest-isolation advise: {error}", file=sys.stderr)
        return 2
    return 1 if found.broken and not found.mended else 0


def _tell(said: str) -> None:
    print(f"pytest-isolation advise: {said}", file=sys.stderr, flush=True)


def advise(
    spec: BoxSpec,
    *,
    only: Sequence[str] = (),
    keep: Sequence[str] = (),
    examples: int | None = None,
    tell: Callable[[str], None] = lambda said: None,
) -> Advice:
    """Measure `spec`, look for the smallest set of changes that mends what it violates, and measure that as a whole.

    `only`: globs over guarantee ids.  `keep`: keys of --box that stay as they are.  `examples`: for each check, None:
    by its kind.  `tell`: is given a line for each step.  Raises UsageError for a box that cannot be asked about, and
    Unavailable for one that cannot be started.
    """
    from pytest_isolation.errors import Unavailable, UsageError
    from pytest_isolation.options.boxes import unparse
    from pytest_isolation.options.config import RunConfig
    from pytest_isolation.report.advice import Advice
    from pytest_isolation.report.compare import compare
    from pytest_isolation.suite.advise.changes import applied, changes
    from pytest_isolation.suite.advise.search import search
    from pytest_isolation.suite.measure import built_in, measure

    if spec.attached:
        raise UsageError(
            f"--box {spec.name}: it is running, and the settings of its start cannot be changed; "
            f"describe it by its keywords instead, as in --box {spec.technology}:KEY=VALUE"
        )
    options = RunConfig(only=tuple(only), examples=examples)
    checks = list(built_in())
    options.check_only(promise.id for promise, _ in checks)
    possible = changes(spec, keep)  # its mistakes are said before minutes have gone by
    tell(f"measuring {unparse(spec)}")
    before = measure([spec], checks, options=options)
    if not before.boxes[0].available:
        raise Unavailable(f"{spec.name} cannot be started: {before.boxes[0].reason}", before.boxes[0].remedy or "")
    broken = [row.guarantee for row in before.results if row.verdict is Verdict.VIOLATED]
    possible = possible if broken else ()
    tell(f"{len(broken)} violated; {counted(len(possible), 'change')} to try")
    advised = search(spec, possible, broken, measure=_meter(checks, options, tell), apply=applied)
    result = applied(spec, advised.chosen)
    assert result is not None  # the search took only what goes together
    others = tuple(_step(one) for one in advised.tried if one.change not in advised.chosen)
    steps = tuple(_step(one) for one in advised.tried if one.change in advised.chosen)
    text = unparse(spec)
    if not steps:
        return Advice(spec.name, text, text, tuple(broken), (), (), others, before)
    tell(f"measuring all of it: {unparse(result)}")
    after = measure([result], checks, options=options)
    held = {row.guarantee for row in after.results if row.verdict is Verdict.HOLDS}
    mended = tuple(id for id in broken if id in held)
    return Advice(
        spec.name, text, unparse(result), tuple(broken), steps, mended, others, before, compare(before, after)
    )


def _step(tried: ChangeResult) -> Step:
    from pytest_isolation.report.advice import Step

    one = tried.change
    return Step(one.text, tried.mends, dict(one.words), one.breaks, tried.reason)


def _meter(
    checks: Sequence[tuple[Guarantee, Check]], options: RunConfig, tell: Callable[[str], None]
) -> Callable[[Sequence[BoxSpec], Sequence[str]], Mapping[str, Found]]:
    """search()'s `measure`: each box is started, and asked the guarantees that matter."""
    from pytest_isolation.errors import IsolationError
    from pytest_isolation.options.boxes import unparse
    from pytest_isolation.suite.measure import measure
    from pytest_isolation.technologies import technology

    def found(specs: Sequence[BoxSpec], ids: Sequence[str]) -> Mapping[str, Found]:
        refused: dict[str, Found] = {}
        for spec in specs:
            try:  # a mistake of one is no mistake of all, as measure() has it
                technology(spec.technology).check_available(spec)
            except IsolationError as error:
                refused[spec.name] = str(error)
        wanted = [(promise, test) for promise, test in checks if promise.id in set(ids)]
        todo = [spec for spec in specs if spec.name not in refused]
        run = measure(todo, wanted, options=options, tell=lambda spec: tell(f"trying {unparse(spec)}"))
        verdicts: dict[str, dict[str, Verdict]] = {box.name: {} for box in run.boxes}
        for row in run.results:
            verdicts[row.box][row.guarantee] = row.verdict
        closed = {box.name: box.reason or "it did not start" for box in run.boxes if not box.available}
        return {**verdicts, **closed, **refused}

    return found
