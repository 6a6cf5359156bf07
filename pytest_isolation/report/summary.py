"""What is said of a run beside its matrix: groups of rows and the one line at the bottom."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Control, Outcome, Verdict
from pytest_isolation.report import costs, support
from pytest_isolation.report.doors import differences, doors_of, places

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_isolation.report.run import BoxRow, ResultRow, Run


@dataclass(frozen=True, slots=True)
class Group:
    """What shares one cause, or else one reason."""

    reason: str
    remedy: str | None
    cells: str
    """ "not started: nspawn; docker, podman: pid.a, pid.b; qemu: pid.a": boxes not started for it, and cells."""


def broken(run: Run) -> tuple[ResultRow, ...]:
    """Violations that something requires not to be."""
    return tuple(row for row in run.results if row.verdict is Verdict.VIOLATED and row.outcome is Outcome.FAILED)


def accepted(run: Run) -> tuple[tuple[ResultRow, ...], ...]:
    """The other violations, those of one guarantee together; of pairs, see pairs.py."""
    groups: dict[str, list[ResultRow]] = {}
    for row in run.results:
        if row.sibling is None and row.verdict is Verdict.VIOLATED and row.outcome is not Outcome.FAILED:
            groups.setdefault(row.guarantee, []).append(row)
    return tuple(map(tuple, groups.values()))


def undecided(run: Run) -> tuple[Group, ...]:
    """Vacuous and inconclusive rows."""
    return _grouped(run, (row for row in run.results if row.verdict in (Verdict.VACUOUS, Verdict.INCONCLUSIVE)))


def unsupported(run: Run) -> tuple[Group, ...]:
    """The unsupported rows, grouped by their cause, with the boxes that were not started for the same cause.

    A row of a pair is left out when the box by itself is unsupported for the same reason.
    """
    alone = {(row.box, row.guarantee, row.reason) for row in run.results if row.sibling is None}
    asked = [row for row in run.results if row.verdict is Verdict.UNSUPPORTED]
    return _grouped(
        run,
        (row for row in asked if row.sibling is None or (row.box, row.guarantee, row.reason) not in alone),
        (box for box in run.boxes if not box.available and box.cause),
    )


def unproven(run: Run) -> tuple[Group, ...]:
    """Rows that hold without a control; pairs have the control of the box by itself."""
    held = (row for row in run.results if row.verdict is Verdict.HOLDS and row.control is Control.NONE)
    return _grouped(run, (row for row in held if row.sibling is None))


def carried(run: Run) -> tuple[Group, ...]:
    """Rows that were not measured in this run but in an earlier one (--isolation-since), by that run."""
    rows: dict[str, list[ResultRow]] = {}
    for row in run.results:
        if row.carried is not None:
            rows.setdefault(row.carried, []).append(row)
    return tuple(Group(f"by the run of {when}", None, _cells(run, held, [])) for when, held in sorted(rows.items()))


def silent_proofs(run: Run) -> tuple[str, ...]:
    """Under --isolation-prove: where a check missed the hole that must break its guarantee."""
    return tuple(
        f"{row.guarantee}: silent on {box} with its hole open"
        for row in run.results
        for box, control in row.proofs.items()
        if control is Control.SILENT
    )


def _grouped(run: Run, rows: Iterable[ResultRow], boxes: Iterable[BoxRow] = ()) -> tuple[Group, ...]:
    """What has a cause first: one remedy helps many."""
    groups: dict[tuple[bool, str, str | None], tuple[list[ResultRow], list[BoxRow]]] = {}
    words: dict[tuple[bool, str, str | None], tuple[str, str | None]] = {}
    for row in rows:
        said = row.cause or row.reason or f"no reason given ({row.verdict})"
        key = row.cause is None, same(said), row.remedy and same(row.remedy)
        words.setdefault(key, (said, row.remedy))
        groups.setdefault(key, ([], []))[0].append(row)
    for box in boxes:
        key = box.cause is None, same(box.cause or ""), box.remedy and same(box.remedy)
        words.setdefault(key, (box.cause or "", box.remedy))
        groups.setdefault(key, ([], []))[1].append(box)
    return tuple(
        Group(*words[key], _cells(run, held, lacking))
        for key, (held, lacking) in sorted(groups.items(), key=lambda group: group[0][0])
    )


DRAWN = re.compile(
    r"""
    0x[0-9a-f]+                                  # an address
    | \b(?=[0-9a-f]*[0-9])[0-9a-f]{6,}\b         # an id, a token
    | (?<=[-_/.])(?=[a-z0-9_]*[0-9_])[a-z0-9_]{8}\b   # what mkdtemp(3) draws
    | \b[0-9]{4,}\b                              # a process, a size, a port
    | (?<=pid[ =(])[0-9]+ | (?<=process\ )[0-9]+ | (?<=fd[ =(])[0-9]+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def same(text: str) -> str:
    """`text` without what is another in every row: two that differ in nothing else are of one cause."""
    return DRAWN.sub("*", text)


def _cells(run: Run, rows: list[ResultRow], lacking: list[BoxRow]) -> str:
    """Boxes with the same cells together."""
    said = [f"not started: {', '.join(box.name for box in lacking)}"] if lacking else []
    alone: dict[str, list[str]] = {}
    for box, held in places((row for row in rows if row.sibling is None), doors_of(run)).items():
        alone.setdefault(", ".join(dict.fromkeys(row.guarantee for row in held)), []).append(box)
    said += [f"{', '.join(boxes)}: {promises}" for promises, boxes in alone.items()]
    beside: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.sibling is not None:
            beside.setdefault((row.box, row.guarantee), []).append(row.sibling)
    said += [f"{box} beside {', '.join(siblings)}: {promise}" for (box, promise), siblings in beside.items()]
    return "; ".join(said)


def host_line(run: Run) -> str:
    """ "Linux 6.1.0 x86_64, cgroup v2, root"."""
    host = run.host
    who = "root" if host.root else "not root"
    more = [f"{key} {value}" for key, value in host.more.items() if isinstance(value, str | int | float)]
    return ", ".join([f"Linux {host.kernel} {host.arch}", f"cgroup {host.cgroup}", who, *more])


def box_line(box: BoxRow) -> str:
    """ "20.10.24, start 412 ms (n = 3)"; or why it is not available."""
    if not box.available:
        return f"not available: {box.reason or 'no reason given'}"
    said = [box.version] if box.version else []
    if box.technology != box.name:
        said.insert(0, box.technology)
    said += [
        f"{_cost(name)} {cost.median:g}{_unit(name)} (n = {cost.n})"
        for name, cost in box.costs.items()
        if name == "start_ms" or not costs.asked(box)  # those have a table
    ]
    return ", ".join(said) or "available"


def facts(box: BoxRow) -> str:
    """ "runtime runc, rootless no, storage driver overlay2": what of the machine matters to the box's results."""
    known = box.spec.get("facts") or {}
    return ", ".join(f"{str(key).replace('_', ' ')} {_said(value)}" for key, value in known.items() if _tells(value))


def _tells(value: object) -> bool:
    return value is not None and value != [] and value != ""


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _cost(name: str) -> str:
    return name.rpartition("_")[0] or name


def _unit(name: str) -> str:
    """A cost's key ends in its unit."""
    unit = name.rpartition("_")
    return {"ms": " ms", "us": " us", "mib": " MiB"}.get(unit[2], f" {unit[2]}") if unit[0] else ""


def bottom_line(run: Run) -> str:
    """The run in one line; its last word is what the exit status says."""
    rows = run.results
    if run.support and not run.boxes:
        return f"{support.bottom_line(run)}: {'FAILED' if run.run.exit else 'passed'}"
    counts = {
        "hold": sum(row.verdict is Verdict.HOLDS for row in rows),
        f"violated ({len(broken(run))} required)": sum(row.verdict is Verdict.VIOLATED for row in rows),
        "undecided": sum(row.verdict in (Verdict.VACUOUS, Verdict.INCONCLUSIVE) for row in rows),
        "unsupported": sum(row.verdict is Verdict.UNSUPPORTED for row in rows),
        "different by door": len(differences(run)),
        "carried over": sum(row.carried is not None for row in rows),
        "not measured": run.run.missing,
        "asked for and not measured": run.run.unmet,
    }
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if number or name == "hold")
    guarantees = len({row.guarantee for row in rows})
    number = len({row.box for row in rows})
    boxes = f"{number} box{'es' if number != 1 else ''}"
    couples = len({frozenset((row.box, row.sibling)) for row in rows if row.sibling is not None})
    boxes += f" and {couples} pair{'s' if couples != 1 else ''}" if couples else ""
    failed = run.run.exit != 0 or silent_proofs(run) or any(row.outcome is Outcome.FAILED for row in rows)
    if run.run.exit in (0, 5) and all(row.verdict is Verdict.UNSUPPORTED for row in rows):
        ending = "nothing was measured"
    else:
        ending = "interrupted: FAILED" if run.run.exit == 2 else "FAILED" if failed else "passed"
    many = "guarantee" if guarantees == 1 else "guarantees"
    return f"{guarantees} {many} x {boxes}: {said}: {ending}"
