"""The search of --isolation-flow itself: pairs a second, how soon opened channels are found, and false alarms.

    python -m bench.flow rates namespaces docker gvisor qemu --seconds 20
    python -m bench.flow singles namespaces docker gvisor qemu --seconds 10 --jobs 2
    python -m bench.flow controls namespaces --times 5
    python -m bench.flow silence qemu --pairs 1000000 --acting
    python -m bench.flow silence namespaces --pairs 1000000

One JSON line for each measurement.

`rates`: as --isolation-flow searches, each sender tried with all receivers at once.  `singles`: one sender program and
one receiver program, both drawn, are executed and compared, then others, as KIT counts: what the receiver answers
before the sender, and while that holds what it took; by --jobs processes at once.  processor_s: of this process and its
descendants, which is all there is for namespaces alone: on a busy machine pairs in those seconds say more.  `silence`:
between a box and its sibling, where every sender pretends, or acts (`--acting`: for boxes that have nothing in common).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import psutil

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.suite.flow import sides
from pytest_isolation.suite.flow.controls import openable
from pytest_isolation.suite.flow.grammar import Grammar
from pytest_isolation.suite.flow.known import known
from pytest_isolation.suite.flow.measure import opened
from pytest_isolation.suite.flow.search import Looker, Search, confirm
from pytest_isolation.suite.flow.sides import DIRECTIONS, Direction

MOST_S = 60


def searched(spec: BoxSpec, direction: Direction, seed: int, *, seconds: float, pairs: int, acting: bool) -> Search:
    """One search, until the time is over or so many pairs were tried, and its leads proven."""
    search, chance, began = Search(), random.Random(seed), time.monotonic()
    with sides.boxes(spec) as boxes:
        between = partial(boxes.between, direction)
        with between(False, None) as (actor, watcher):
            looker = Looker(actor, watcher, chance, search, pretending=not acting)
            until = time.monotonic() + seconds
            while search.pairs < pairs and time.monotonic() < until:
                looker.look(min(until, time.monotonic() + 1))
        confirm(between, search.leads, search.pairs, chance, began, search, pretending=not acting)
    return search


def told(search: Search) -> dict[str, Any]:
    """The figures of a search."""
    return {
        "pairs": search.pairs,
        "senders": search.senders,
        "receivers": search.receivers,
        "pairs_per_second": round(search.rate),
        "leads": len(search.leads),
        "findings": sorted({f"{one.lead.sender} -> {one.lead.probe.name}" for one in search.confirmed}),
    }


def rates(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for name in args.boxes:
        for direction in DIRECTIONS:
            search = searched(
                BoxSpec(technology=name), direction, args.seed, seconds=args.seconds, pairs=1 << 60, acting=True
            )
            yield {"box": name, "direction": str(direction), **told(search)}


def processor_seconds() -> float:
    """Of this process and its descendants."""
    own = psutil.Process()
    times = [one.cpu_times() for one in (own, *own.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def single(name: str, direction: Direction, seconds: float, seed: int) -> tuple[int, int, float, float]:
    """Pairs that were executed, those whose receiver answered otherwise, and seconds: of the clock, of processors."""
    chance, pairs, moved = random.Random(seed), 0, 0
    with (
        sides.boxes(BoxSpec(technology=name)) as boxes,
        boxes.between(direction, False, None) as (actor, watcher),
    ):
        grammar, many = Grammar(actor.acts, chance), len(watcher.probes)
        senders = [grammar.draw() for _ in range(200)]  # a program is laid out once; so many, as a corpus has
        began, used = time.monotonic(), processor_seconds()
        while (taken := time.monotonic() - began) < seconds:
            numbers = (chance.randrange(many),)
            before = watcher.look(numbers)
            actor.act(chance.choice(senders))
            moved += watcher.look(numbers) != before
            actor.undo()
            pairs += 1
        used = processor_seconds() - used
    return pairs, moved, taken, used


def singles(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for name in args.boxes:
        for direction in DIRECTIONS:
            with multiprocessing.get_context("fork").Pool(args.jobs) as pool:
                asked = [(name, direction, args.seconds, args.seed + one) for one in range(args.jobs)]
                found = pool.starmap(single, asked, 1)
            yield {
                "box": name,
                "direction": str(direction),
                "processes": args.jobs,
                "pairs": sum(one[0] for one in found),
                "moved": sum(one[1] for one in found),
                "pairs_per_second": round(sum(one[0] / one[2] for one in found)),
                "processor_s": round(sum(one[3] for one in found), 2),
            }


def controls(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    shared = {glob for one in known() for glob in one.reads if "*" not in glob} - {"/proc/key-users"}
    for name in args.boxes:
        spec = BoxSpec(technology=name)
        for control in openable(spec):
            rows = [
                opened(spec, control, MOST_S, random.Random(args.seed + one), passed_over=shared)
                for one in range(args.times)
            ]
            found = [row.seconds for row in rows if row.found]
            yield {
                "box": name,
                "control": control.name,
                "times": len(rows),
                "found": len(found),
                "median_s": statistics.median(found) if found else None,
                "worst_s": max(found, default=None),
                "reason": rows[0].reason,
            }


def silence(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for name in args.boxes:
        search = searched(
            BoxSpec(technology=name),
            sides.BOX_TO_SIBLING,
            args.seed,
            seconds=args.seconds,
            pairs=args.pairs,
            acting=args.acting,
        )
        yield {"box": name, "acting": args.acting, **told(search)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rates", "singles", "controls", "silence"))
    parser.add_argument("boxes", nargs="+")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pairs", type=int, default=10**6)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--acting", action="store_true")
    args = parser.parse_args()
    for row in {"rates": rates, "singles": singles, "controls": controls, "silence": silence}[args.what](args):
        load = round(os.getloadavg()[0], 1)
        print(json.dumps({**row, "load": load, "kernel": os.uname().release, "cpus": os.cpu_count()}), flush=True)


if __name__ == "__main__":
    main()
