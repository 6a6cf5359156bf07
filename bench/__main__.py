"""Measure, print the medians, and write all series as JSON: see bench/README.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.series import Series, find, write

PARTS = ("calls", "examples", "starts", "plugin", "suite", "audits", "fleet", "page", "layers")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=10, help="values of each series; whole runs take a fifth")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    parser.add_argument("--against", metavar="REF", help="suite, audits: beside the same runs of this commit, in turn")
    parser.add_argument("--box", action="append", default=[], help="suite, against: of these boxes (repeatable)")
    parser.add_argument("--jobs", type=int, help="suite, against: --isolation-jobs of the runs here (default: theirs)")
    asked = parser.parse_args()
    wanted = asked.only.split(",")
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"--only {','.join(sorted(unknown))}: expected {', '.join(PARTS)}")

    series: list[Series] = []

    def measured(found: list[Series]) -> None:
        """Told and written as soon as it is known: a later part may be interrupted."""
        series.extend(found)
        write(asked.out, series)
        for one in found:
            print(
                f"{one.metric:<22} {' '.join(one.dimensions.values()):<36} {one.median:>12.2f} {one.unit:<4} "
                f"(n = {len(one.values)})",
                flush=True,
            )

    if {"calls", "examples"} & set(wanted):
        from bench.calls import calls
        from bench.examples import examples
        from bench.sides import sides

        with sides() as alive:
            if "calls" in wanted:
                measured(calls(alive, asked.rounds))
            if "examples" in wanted:
                measured(examples(alive, asked.rounds))
    if "starts" in wanted:
        from bench.starts import starts

        measured(starts(asked.rounds))
    if "plugin" in wanted:
        from bench.runs import plugin

        measured(plugin(asked.rounds * 2))
    if "suite" in wanted and asked.against:
        from bench import against

        options = [] if asked.jobs is None else ["--isolation-jobs", str(asked.jobs)]
        measured(against.suite(max(1, asked.rounds // 2), asked.against, asked.box, options))
    elif "suite" in wanted:
        from bench.runs import suite

        measured(suite(max(1, asked.rounds // 5)))
    if "audits" in wanted and asked.against:
        from bench import against

        measured(against.audits(max(3, asked.rounds // 2), asked.against))
    elif "audits" in wanted:
        from bench.audits import audits

        measured(audits(max(3, asked.rounds // 2)))
    if "fleet" in wanted:
        from bench.fleet import fleet

        measured(fleet(max(1, asked.rounds // 5)))
    if "page" in wanted:
        from bench.page import page

        measured(page(asked.rounds))
    if "layers" in wanted:
        from bench.layers import layers

        measured(layers(max(1, asked.rounds // 5)))
    for line in targets(series):
        print(line)
    print(f"all values: {asked.out}")
    return 0


RATIOS = (
    ("calls", "agent in docker", "docker exec by SDK", 200.0),
    ("examples", "agent in docker", "pytest-testinfra", 50.0),
    ("examples", "agent in docker", "Hypothesis alone", 0.4),
)
SHARES = {"docker": 0.33, "namespaces": 0.33, "qemu": 0.45}
"""Of the time of commit 501c5ca: --against."""
LEAST = (("layers", 500.0),)
"""Over all engines that are here: ten thousand sequences in twenty minutes."""
CEILINGS = (
    ("plugin.cost", {"time": "processor"}, 15.0),
    ("suite", {"box": "docker"}, 60.0),
    ("suite", {"box": "namespaces"}, 30.0),
    ("suite", {"box": "qemu"}, 150.0),
    ("audits", {"submissions": "40", "workers": "2"}, 10.0),
    ("audit", {"submissions": "1"}, 0.5),
    ("merge", {"hosts": "10000"}, 60.0),
    ("merge.memory", {"hosts": "10000"}, 500.0),
    ("page.size", {"boxes": "16"}, 1.5),
    ("page.interactive", {"boxes": "16", "device": "desk"}, 1000.0),
)


def targets(series: list[Series]) -> list[str]:
    """What was to be reached, and whether the medians do."""
    lines = []
    for metric, ours, theirs, wanted in RATIOS:
        over, under = find(series, metric, side=ours), find(series, metric, side=theirs)
        if over and under:
            ratio = over.median / under.median
            lines.append(f"{_met(ratio >= wanted)} {metric}: {ours} / {theirs} = {ratio:.2f}, wanted {wanted:g}")
    for box, wanted in SHARES.items():
        if one := find(series, "suite.ratio", box=box, against="501c5ca"):
            said = f"suite of {box}: {one.median:.2f} of 501c5ca (n = {len(one.values)}), wanted {wanted:g}"
            lines.append(f"{_met(one.median <= wanted)} {said}")
        if one := find(series, "suite.memory.ratio", box=box, against="501c5ca"):
            said = f"memory of suite of {box}: {one.median:.2f} of 501c5ca, wanted 1.2 at most"
            lines.append(f"{_met(one.median <= 1.2)} {said}")
    if one := find(series, "audits.ratio", against="501c5ca"):
        said = f"audits: {one.median:.2f} of 501c5ca (n = {len(one.values)}), wanted 1.0 at most"
        lines.append(f"{_met(one.median <= 1.0)} {said}")
    for metric, wanted in LEAST:
        for one in (one for one in series if one.metric == metric and one.dimensions["engine"].startswith("all")):
            what = f"{metric} over {one.dimensions['engine']}"
            lines.append(f"{_met(one.median >= wanted)} {what}: {one.median:.0f} {one.unit}, wanted {wanted:g}")
    for metric, dimensions, wanted in CEILINGS:
        if one := find(series, metric, **dimensions):
            what = " ".join((metric, *dimensions.values()))
            lines.append(f"{_met(one.median <= wanted)} {what}: {one.median:.1f} {one.unit}, wanted {wanted:g} at most")
    return lines


def _met(yes: bool) -> str:
    return "reached:" if yes else "MISSED: "


if __name__ == "__main__":
    sys.exit(main())
