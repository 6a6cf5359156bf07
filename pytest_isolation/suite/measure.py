"""Guarantees measured in boxes by a program: no items of pytest, one Run in the end."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import IsolationError, Lacking, NotStarted, in_one_line
from pytest_isolation.guarantees.family import checks_of
from pytest_isolation.guarantees.guarantee import Guarantee
from pytest_isolation.guarantees.property import Check as Bound
from pytest_isolation.guarantees.property import take_over
from pytest_isolation.guarantees.verdicts import Control, Key, Verdict
from pytest_isolation.options.config import RunConfig
from pytest_isolation.report.run import ResultRow, Run, ToolFacts
from pytest_isolation.suite.boxes import BoxCandidate, choose
from pytest_isolation.suite.cell import measure as measure_cell
from pytest_isolation.suite.collect import check_files, load_check
from pytest_isolation.suite.controls import Controls
from pytest_isolation.suite.judge import Judge, Judged
from pytest_isolation.suite.plan import Cell
from pytest_isolation.suite.rows import box_row, guarantee_row, host_facts, run_facts
from pytest_isolation.technologies.clean import clean
from pytest_isolation.technologies.pool import Pool

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

__all__ = ["built_in", "measure"]

Check = Callable[..., Any] | Bound
"""A test function that `guarantee()` declares; one of a family with its member bound."""


def built_in() -> Iterator[tuple[Guarantee, Check]]:
    """Every check of this installation, with the guarantee it decides."""
    for path in check_files():
        for test in list(vars(load_check(path)).values()):
            if checks := checks_of(test):
                take_over(test)
            yield from checks


def measure(
    specs: Sequence[BoxSpec],
    checks: Iterable[tuple[Guarantee, Check]] | None = None,
    *,
    options: RunConfig | None = None,
    look: Callable[[Box], Mapping[str, Any]] | None = None,
    tell: Callable[[BoxSpec], None] | None = None,
    seed: int | None = None,
) -> Run:
    """Measure each of `checks` once in each box of `specs`; start the boxes, and end them.

    `checks`: pairs as `built_in` gives them, which is the default; those that `options.only` leaves out are left out.
    `options`: the claims to judge by, and the number of examples; its `boxes` are not looked at.
    `look`: called with each box that was started, before its first check; what it returns are further facts of it.
    `tell`: called with each spec whose turn it is.  `seed`: of Hypothesis' draws, 32 bits.

    A box that cannot be started is in `Run.boxes` with its reason and remedy, and has no results: this raises only
    UsageError, for a spec that its technology cannot read.  Removes what dead runs left, as every run does.
    """
    asked = replace(options or RunConfig(), boxes=tuple(specs))
    seed = secrets.randbits(32) if seed is None else seed
    wanted = [(promise, test) for promise, test in checks or built_in() if asked.wants(promise.id)]
    started = time.time()
    clean()
    lifetime = Lifetime(secrets.token_hex(6))
    pool = Pool(lifetime)
    try:
        controls = Controls(pool, Path(lifetime.new_directory("controls")), seed)
        judge = Judge(asked)
        boxes: list[BoxCandidate] = []
        rows: list[ResultRow] = []
        for one in choose(asked) if specs else ():
            if tell is not None:
                tell(one.spec)
            found = _looked_at(one, pool, look)
            boxes.append(found)
            for promise, test in wanted if found.available else ():
                try:
                    row = measure_cell(
                        promise,
                        test,
                        Cell(one.spec),
                        pool=pool,
                        controls=controls,
                        seed=seed,
                        judged=partial(_judged, judge, promise, found, pool),
                        examples=asked.examples,
                    )
                except NotStarted as error:
                    boxes[-1] = _closed(found, error)
                    break
                rows.append(row)
        return Run(
            tool=ToolFacts(version=version("pytest-isolation")),
            run=run_facts(lifetime.run_id, started, seed, 0),
            host=host_facts(),
            boxes=tuple(
                box_row(
                    one.with_facts(pool.measured.get(one.spec.name)),
                    pool.starts.get(one.spec.name, []),
                    pool.notes.get(one.spec.name, []),
                )
                for one in boxes
            ),
            guarantees=tuple(guarantee_row(promise) for promise, _ in wanted),
            results=tuple(rows),
        )
    finally:
        pool.close()
        lifetime.close()


def _judged(
    judge: Judge, promise: Guarantee, one: BoxCandidate, pool: Pool, key: Key, verdict: Verdict, control: Control
) -> Judged:
    return judge.judged(key, verdict, control, promise, one.with_facts(pool.measured.get(one.spec.name)))


def _looked_at(one: BoxCandidate, pool: Pool, look: Callable[[Box], Mapping[str, Any]] | None) -> BoxCandidate:
    """With the facts that `look` finds; not available when the box does not start, or cannot be looked at."""
    if look is None or not one.available:
        return one
    try:
        return one.with_facts(look(pool.box(one.spec)))
    except (IsolationError, OSError) as error:
        return _closed(one, error)


def _closed(one: BoxCandidate, error: Exception) -> BoxCandidate:
    if isinstance(error, Lacking):
        return one.lacking(error.lack)
    return replace(one, reason=in_one_line(error))
