"""How often a falsifier is caught at the default number of examples.

Every guarantee's check is run on a box with its falsifier open, once for each of many seeds.  One
box serves all seeds of a check while it lives; a check that wants fresh boxes starts them itself.

    python -m tests.power.measure                  all guarantees; writes their rows of measured.toml
    python -m tests.power.measure 'cg.*'           some of them; the other rows stay
    python -m tests.power.measure --runs 20        a quick look, printed only

n independent seeds without a miss bound the chance of a miss below 1 - 0.05 ** (1 / n) at 95 %:
299 give 0.01, 59 give 0.05.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import IsolationError
from pytest_isolation.guarantees.guarantee import EXAMPLES, Guarantee, Kind
from pytest_isolation.guarantees.property import PROVING, run_property
from pytest_isolation.suite.controls import QUICK_MS
from pytest_isolation.technologies import names, technology
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks

TABLE = Path(__file__).with_name("measured.toml")

RUNS: dict[Kind, int] = {"per-call": 299, "per-window": 59, "per-box": 59, "per-road": 59}
"""Seeds by kind.  Each run of the last two takes windows of time or fresh boxes: 299 would take hours."""
SLOW_RUNS = 20
"""Seeds where only a technology that takes long to start can open the hole."""
LONGEST_S, FEWEST_RUNS = 100, 10
"""Seconds of a guarantee's seeds: a check that waits until something surely does not come takes fewer of them."""


@dataclass(frozen=True, slots=True)
class Power:
    """What became of `runs` seeds: how many were caught, and after how many examples."""

    guarantee: str
    kind: Kind
    box: str
    runs: int
    missed: tuple[int, ...]
    """Seeds whose run ended without a violation."""
    examples_median: int
    """Examples until it was caught; the run that follows to confirm it is counted too."""
    seconds: float

    @property
    def at_least(self) -> float:
        """The lower end of a one-sided 95 % bound on the probability of catching; exact when nothing was missed."""
        if not self.missed:
            return float(0.05 ** (1 / self.runs))
        from statistics import NormalDist

        caught = self.runs - len(self.missed)
        z, share = NormalDist().inv_cdf(0.95), caught / self.runs  # Wilson's score interval
        middle = share + z * z / (2 * self.runs)
        spread = z * (share * (1 - share) / self.runs + z * z / (4 * self.runs**2)) ** 0.5
        return float((middle - spread) / (1 + z * z / self.runs))


class Unasked(Exception):
    """A box that cannot be asked this guarantee: another technology's may be."""


def serving(promise: Guarantee) -> BoxSpec | None:
    """The first of `all_serving`."""
    return next(all_serving(promise), None)


def all_serving(promise: Guarantee) -> Iterator[BoxSpec]:
    """A box of each technology here that can open the falsifier: namespaces first, then what starts sooner."""
    for name in sorted(names(), key=lambda name: (name != "namespaces", technology(name).start_ms)):
        if promise.falsified_by <= technology(name).weakenings():
            spec = replace(
                BoxSpec(technology=name).weakened(*promise.falsified_by), **promise.box, **promise.control_box
            )
            try:
                technology(name).check_available(spec)
            except IsolationError:
                continue
            yield spec


def power(promise: Guarantee, test: Callable[..., Any], spec: BoxSpec, pool: Pool, runs: int | None = None) -> Power:
    """Run the check with that many seeds.  Raises IsolationError when a run breaks, Unasked."""
    if runs is None:
        runs = RUNS[promise.kind] if technology(spec.technology).start_ms <= QUICK_MS else SLOW_RUNS
    started = time.perf_counter()
    missed: list[int] = []
    examples: list[int] = []
    for seed in range(runs):
        if seed >= FEWEST_RUNS and time.perf_counter() - started > LONGEST_S:
            runs = seed
            break
        ran = run_property(promise, test, pool.box(spec), examples=EXAMPLES[promise.kind], seed=seed, phases=PROVING)
        if ran.unsupported and not ran.trouble and seed == 0:  # what was asked once can be asked
            raise Unasked(f"{promise.id} in {spec.technology}: {ran.unsupported}")
        if ran.trouble or ran.unsupported:
            raise IsolationError(f"{promise.id}, seed {seed}: {ran.trouble or ran.unsupported}")
        if ran.violation is None:
            missed.append(seed)
        else:
            examples.append(ran.examples)
    pool.discard(spec)
    median = sorted(examples)[len(examples) // 2] if examples else 0
    seconds = round(time.perf_counter() - started, 1)
    return Power(promise.id, promise.kind, spec.technology, runs, tuple(missed), median, seconds)


def keep(row: Power) -> None:
    """Put the row in the table, in the place of an older one of the same guarantee."""
    known = tomllib.loads(TABLE.read_text()) if TABLE.exists() else {}
    known[row.guarantee] = {
        "kind": row.kind,
        "box": row.box,
        "runs": row.runs,
        "missed": len(row.missed),
        "at_least": round(row.at_least, 4),
        "examples_median": row.examples_median,
    }
    lines = [
        "# Written by `python -m tests.power.measure`: how often each check catches its own falsifier at the",
        "# default number of examples.  `at_least`: the 95 % lower bound on the probability.",
    ]
    for name, values in sorted(known.items()):
        lines += ["", f'["{name}"]', *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    TABLE.write_text("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help="globs of guarantee ids; all when none is given")
    parser.add_argument("--runs", type=int, help="seeds for each, instead of the number by kind")
    asked = parser.parse_args()
    bad = 0
    lifetime = Lifetime()
    pool = Pool(lifetime)
    try:
        for promise, test in built_in_checks():
            if asked.only and not any(fnmatch(promise.id, glob) for glob in asked.only):
                continue
            spec = serving(promise)
            if spec is None:
                print(f"{promise.id:<34} nothing here can open its falsifier", flush=True)
                continue
            try:
                row = power(promise, test, spec, pool, asked.runs)
            except IsolationError as error:
                print(f"{promise.id:<34} TROUBLE {error}", flush=True)
                bad += 1
                continue
            if asked.runs is None:
                keep(row)
            bad += bool(row.missed)
            print(
                f"{row.guarantee:<34} {row.box:<11} caught {row.runs - len(row.missed)} of {row.runs} "
                f"(>= {row.at_least:.3f}), {row.examples_median} examples, {row.seconds} s"
                + (f"; MISSED with seeds {row.missed}" if row.missed else ""),
                flush=True,
            )
    finally:
        pool.close()
        lifetime.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
