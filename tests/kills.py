"""The kill matrix: which guarantees each single hole breaks, and where two guarantees with one falsifier differ.

    python -m tests.kills [--jobs 2] [--again] [COLUMN ...]     measure the columns that data/kills.toml lacks
    python -m tests.kills --page                                write docs/kill-matrix.md from it, and measure nothing

A column is a hole in a box of `namespaces` ("share-pid"), or a box in which no hole was opened ("box-docker").
A column is written when it is whole: a command that was stopped goes on where it was.  A guarantee that was added
since is measured by itself, and a removed one is taken out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import IsolationError
from pytest_isolation.guarantees.guarantee import EXAMPLES, Guarantee
from pytest_isolation.guarantees.property import PROVING, Check, run_property
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.clean import clean
from pytest_isolation.technologies.pool import Pool
from tests.support import built_in_checks, plain

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).parent / "data" / "kills.toml"
PAGE = ROOT / "docs" / "kill-matrix.md"
POWER = Path(__file__).parent / "power" / "measured.toml"
ON = "namespaces"
SOUND = f"box-{ON}"
OTHERS = ("bubblewrap", "runc", "docker", "podman", "nspawn", "lxc", "gvisor", "chroot")
"""Technologies whose sound boxes are columns, too: each keeps another part of the guarantees."""
FEW = {"per-call": 3, "per-window": 3, "per-box": 1, "per-road": 1}
"""Examples of a cell, by the guarantee's kind, unless its own hole was seen to want more."""
HEAD = (
    "# Written by `python -m tests.kills`: what each hole breaks. A guarantee that a column does not name held in it.\n"
)


@dataclass
class Column:
    """What became of each guarantee in one box; those in none of the lists held."""

    violated: list[str] = field(default_factory=list)
    """Twice, by two seeds, in two boxes."""
    unasked: list[str] = field(default_factory=list)
    """It could not be asked there, or there was no answer."""
    measured: list[str] = field(default_factory=list)
    """A hole takes nothing back: what the sound box breaks is measured there, and in no hole."""


Matrix = dict[str, Column]


def columns() -> list[str]:
    """The names of all columns, the sound box first."""
    holes = sorted(map(str, technology(ON).weakenings()), key=lambda name: (name.startswith("grant-"), name))
    return [SOUND, *(f"box-{name}" for name in OTHERS[:3]), *holes, *(f"box-{name}" for name in OTHERS[3:])]


def spec_of(column: str) -> BoxSpec:
    """The box of a column.  Raises KeyError for a hole that there is not."""
    if column.startswith("box-"):
        return plain(column.removeprefix("box-"))
    holes = {str(hole): hole for hole in technology(ON).weakenings()}
    return BoxSpec(technology=ON).weakened(holes[column])


# -- measuring -------------------------------------------------------------------------------------------------


def examples(promise: Guarantee) -> int:
    """The fewest that decide: twice what its own falsifier took to fire, as tests/power measured it; a few at least."""
    known = tomllib.loads(POWER.read_text()).get(promise.id, {})
    return min(EXAMPLES[promise.kind], max(FEW[promise.kind], 2 * int(known.get("examples_median", 0))))


def verdict(promise: Guarantee, check: Check, spec: BoxSpec, pool: Pool, number: int) -> str:
    """violated, holds or unasked: a violation is measured again in a box of its own."""
    needed = replace(spec, **promise.box, **promise.control_box)
    found = ""
    for seed in (1, 2):
        try:
            if seed == 1:
                ran = run_property(promise, check, pool.box(needed), examples=number, seed=seed, phases=PROVING)
            else:
                with pool.leased(needed, fresh=True) as (box, _):
                    ran = run_property(promise, check, box, examples=EXAMPLES[promise.kind], seed=seed, phases=PROVING)
        except (IsolationError, OSError):
            return "unasked"
        if ran.trouble or ran.violation:
            pool.discard(needed)  # a broken promise may have left the box in disorder
        if ran.violation is None:
            return (found and "unasked") or ("unasked" if ran.trouble or ran.unsupported else "holds")
        found = "violated"
    return found


def measure(column: str, ids: Sequence[str]) -> dict[str, str]:
    """The verdicts of these guarantees in the box of a column, by id."""
    spec = spec_of(column)
    lifetime = Lifetime()
    pool = Pool(lifetime)
    found: dict[str, str] = {}
    try:
        for promise, check in built_in_checks():
            if promise.id in ids:
                own = {str(hole) for hole in promise.falsified_by} == {column}
                number = EXAMPLES[promise.kind] if own else examples(promise)
                said = verdict(promise, check, spec, pool, number)
                if found.get(promise.id) != "violated":  # of a guarantee with several checks, the worst
                    found[promise.id] = said
    finally:
        pool.close()
        lifetime.close()
    return found


def fill(matrix: Matrix, wanted: Sequence[str], jobs: int, say: Callable[[str], None] = print) -> None:
    """Measure what `matrix` lacks of the `wanted` columns, and write each as it comes."""
    ids = sorted({promise.id for promise, _ in built_in_checks()})
    for column in matrix.values():
        for one in (column.violated, column.unasked, column.measured):
            one[:] = [id for id in one if id in ids]
    for names in ([name for name in wanted if name == SOUND], [name for name in wanted if name != SOUND]):
        todo = lacking(matrix, names, ids)  # the sound box first: what it breaks no hole is asked for
        _fill(matrix, todo, jobs if len(todo) > 1 else 1, say)
    save(matrix)


def lacking(matrix: Mapping[str, Column], wanted: Iterable[str], ids: Iterable[str]) -> dict[str, list[str]]:
    """What is to be measured in each of the `wanted` columns; those that lack nothing are left out."""
    todo = {
        name: [id for id in ids if id not in matrix.get(name, Column()).measured and id not in _decided(matrix, name)]
        for name in wanted
    }
    return {name: some for name, some in todo.items() if some}


def _decided(matrix: Mapping[str, Column], name: str) -> set[str]:
    """What needs no measuring in this column: the sound box breaks it."""
    return set() if name.startswith("box-") or SOUND not in matrix else set(matrix[SOUND].violated)


def _fill(matrix: Matrix, todo: Mapping[str, Sequence[str]], jobs: int, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    context = multiprocessing.get_context("forkserver")  # Lifetime and Hypothesis in a process that has one thread
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as workers:
        waiting = {workers.submit(measure, name, lacking): name for name, lacking in todo.items()}
        for number, done in enumerate(as_completed(waiting), 1):
            name = waiting[done]
            column = matrix.setdefault(name, Column())
            for id, said in done.result().items():
                column.measured.append(id)
                if said != "holds":
                    getattr(column, said).append(id)
            save(matrix)
            say(f"{number} of {len(todo)}  {name}: {len(column.violated)} violated, {time.monotonic() - began:.0f} s")


def save(matrix: Matrix, path: Path = TABLE) -> None:
    """Write the table; what a column lacks is named there, and not what it has."""
    every = sorted({id for column in matrix.values() for id in column.measured})
    for name, column in matrix.items():
        column.violated = sorted(set(column.violated) - _decided(matrix, name))
        column.unasked = sorted(set(column.unasked) - _decided(matrix, name))
    lines = [HEAD, f"guarantees = {_listed(every)}", ""]
    for name in sorted(matrix):
        column = matrix[name]
        lines += [f"[{name}]", f"violated = {_listed(column.violated)}", f"unasked = {_listed(column.unasked)}"]
        if missing := sorted(set(every) - set(column.measured) - _decided(matrix, name)):
            lines.append(f"unmeasured = {_listed(missing)}")
        lines.append("")
    new = path.with_suffix(".new")
    new.write_text("\n".join(lines))
    os.replace(new, path)


def _listed(ids: Iterable[str]) -> str:
    return "[" + "".join(f"\n  {json.dumps(id)}," for id in sorted(ids)) + ("\n]" if ids else "]")


def load(path: Path = TABLE) -> Matrix:
    """The table; empty where there is none."""
    if not path.exists():
        return {}
    said = tomllib.loads(path.read_text())
    every = said.pop("guarantees")
    found = {name: Column(one["violated"], one["unasked"]) for name, one in said.items()}
    for name, column in found.items():
        column.measured = sorted(set(every) - set(said[name].get("unmeasured", ())) - _decided(found, name))
    return found


# -- where they differ -----------------------------------------------------------------------------------------


def apart(matrix: Mapping[str, Column], first: str, second: str) -> list[str]:
    """The columns in which one was violated and the other held."""
    found = []
    for name, column in matrix.items():
        if first in column.unasked or second in column.unasked:
            continue
        if {first, second} <= set(column.measured) and (first in column.violated) != (second in column.violated):
            found.append(name)
    return found


def twins(promises: Iterable[Guarantee]) -> list[list[Guarantee]]:
    """Groups of guarantees that the same holes must break, two at least, by id."""
    groups: dict[Weakenings, list[Guarantee]] = defaultdict(list)
    for promise in promises:
        groups[promise.falsified_by].append(promise)
    found = [sorted(group, key=lambda one: one.id) for group in groups.values() if len(group) > 1]
    return sorted(found, key=lambda group: group[0].id)


def classes(matrix: Mapping[str, Column], ids: Sequence[str]) -> list[list[str]]:
    """`ids` in classes: those of one class differ from no other of it in any column."""
    found: list[list[str]] = []
    for id in ids:
        home = next((one for one in found if not any(apart(matrix, id, other) for other in one)), None)
        found.append([id]) if home is None else home.append(id)
    return found


def witnesses(matrix: Mapping[str, Column], ids: Sequence[str]) -> list[str]:
    """The fewest columns, taken greedily, that tell apart all of `ids` which any column tells apart."""
    pairs = {
        (first, second): set(apart(matrix, first, second))
        for number, first in enumerate(ids)
        for second in ids[number + 1 :]
    }
    open_pairs = {pair for pair, names in pairs.items() if names}
    chosen: list[str] = []
    while open_pairs:
        # A box of `namespaces` before one that an engine has to start.
        names = sorted({name for pair in open_pairs for name in pairs[pair]}, key=lambda one: (one in _slow(), one))
        best = max(names, key=lambda one: (sum(one in pairs[pair] for pair in open_pairs), one not in _slow()))
        chosen.append(best)
        open_pairs -= {pair for pair in open_pairs if best in pairs[pair]}
    return chosen


def _slow() -> set[str]:
    return {f"box-{name}" for name in OTHERS}


# -- the page --------------------------------------------------------------------------------------------------

INTRODUCTION = """# The kill matrix

<!-- Written by `python -m tests.kills --page` from tests/data/kills.toml: measure, then run it. -->

{guarantees} guarantees, in a box of `namespaces` with each of {holes} holes open by itself, in one with none, and in
sound boxes of {others}.

{lacking}

A violation counts when a second seed found it again in a second box. The examples are few, twice what the check's own
hole took to be seen, so that a hole may break more than is listed. `python -m tests.kills` measures what the table,
`tests/data/kills.toml`, lacks; guarantees that are newer than the table are not in it.

Two guarantees that the same holes must break could be one guarantee said twice. Below, each such group, and boxes in
which its members differ: one was violated and the other held. `tests/falsifiers/test_told_apart.py` measures these
again. That is {told} of {pairs} pairs. What no box here tells apart is named with the reason that its check gives in
`distinct`: that is an argument, not a measurement. `tests/unit/test_kills.py` counts these pairs, so that no further
one comes unseen.
"""


def page(matrix: Mapping[str, Column]) -> str:
    listed = {id for column in matrix.values() for id in column.measured}
    promises = {promise.id: promise for promise, _ in built_in_checks() if promise.id in listed}
    pairs = sum(len(group) * (len(group) - 1) // 2 for group in twins(promises.values()))
    lines = [
        INTRODUCTION.format(
            guarantees=len(promises), holes=sum(not name.startswith("box-") for name in matrix),
            others=", ".join(f"`{name}`" for name in OTHERS if f"box-{name}" in matrix),
            lacking=_lacking(matrix, promises),
            told=pairs - len(pairs_untold(matrix, promises.values())), pairs=pairs,
        ),
        "## Guarantees with one falsifier", "",
    ]  # fmt: skip
    for group in twins(promises.values()):
        ids = [one.id for one in group]
        lines += [f"### {_ticked(sorted(map(str, group[0].falsified_by)))}", ""]
        chosen = witnesses(matrix, ids)
        if chosen:
            lines += ["| box | breaks | holds |", "|---|---|---|"]
            for name in chosen:
                column = matrix[name]
                broken = [id for id in ids if id in column.violated]
                held = [id for id in ids if id not in column.violated and id not in column.unasked]
                lines.append(f"| `{name}` | {_ticked(broken)} | {_ticked(held)} |")
            lines.append("")
        for one in classes(matrix, ids):
            if len(one) > 1:
                lines += [f"Not told apart by a box: {_ticked(one)}.", ""]
                lines += [f"- `{id}`: {promises[id].distinct}" for id in one if promises[id].distinct]
                lines.append("")
    lines += [
        "## What each hole breaks",
        "",
        "Besides what was violated without it.",
        "",
        "| hole | breaks |",
        "|---|---|",
    ]
    for name in sorted(name for name in matrix if not name.startswith("box-")):
        lines.append(f"| `{name}` | {_ticked(matrix[name].violated) or 'none'} |")
    return "\n".join([*lines, ""]).replace("\n\n\n", "\n\n")


def _lacking(matrix: Mapping[str, Column], promises: Iterable[str]) -> str:
    """What the table does not have, in words."""
    absent = [name for name in columns() if name not in matrix]
    cells = sum(len(set(promises) - set(one.measured) - _decided(matrix, name)) for name, one in matrix.items())
    told = f"Not measured yet: {_ticked(absent)}." if absent else ""
    return " ".join(filter(None, (told, f"{cells} cells of the others are not measured." if cells else "")))


def pairs_untold(matrix: Mapping[str, Column], promises: Iterable[Guarantee]) -> list[tuple[str, str]]:
    """The pairs of guarantees with one falsifier that no column tells apart."""
    return [
        (first.id, second.id)
        for group in twins(promises)
        for number, first in enumerate(group)
        for second in group[number + 1 :]
        if not apart(matrix, first.id, second.id)
    ]


def _ticked(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("columns", nargs="*", metavar="COLUMN", help="some of the columns; all without")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="measure what there is, too")
    parser.add_argument("--page", action="store_true", help="write the page, and measure nothing")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.columns) - set(columns())):
        parser.error(f"{', '.join(unknown)}: no column; expected some of {', '.join(columns())}")
    matrix = load()
    wanted = asked.columns or columns()
    if not asked.page:
        clean()
        for name in wanted if asked.again else ():
            matrix.pop(name, None)
        fill(matrix, wanted, asked.jobs, lambda text: print(text, flush=True))
    PAGE.write_text(page(matrix))
    return 0


if __name__ == "__main__":
    sys.exit(main())
