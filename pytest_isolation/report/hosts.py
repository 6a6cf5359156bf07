"""Many machines in one run, by pytest-xdist's --dist each: their runs as one, and who they are in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Outcome
from pytest_isolation.report import fleet
from pytest_isolation.report.further import HostRow
from pytest_isolation.report.lines import counted

if TYPE_CHECKING:
    from pytest_isolation.report.run import ResultRow, Run

TITLE = "Machines, each beside the others"
FEW = 8
"""Rows in which a machine deviates that are told; the JSON report has all."""


def named(host: str, box: str) -> str:
    """A box of one of many machines."""
    return f"{host}/{box}"


def row_of(host: str, row: ResultRow) -> ResultRow:
    """A row of that machine, as one of many."""
    return replace(row, box=named(host, row.box), sibling=None if row.sibling is None else named(host, row.sibling))


def merged(run: Run, runs: Mapping[str, Run], lost: Mapping[str, str]) -> Run:
    """`run`, of the machine that has asked the others, with what each of `runs` has measured.

    `runs`: name of a machine -> its run; `lost`: name -> why it did not come to its end, of one that may be in `runs`.
    """
    guarantees = {row.id: row for one in runs.values() for row in one.guarantees}
    hosts = []
    for name in dict.fromkeys((*runs, *lost)):
        one = runs.get(name)
        rows = one.results if one is not None else ()
        failed = name in lost or any(row.outcome is Outcome.FAILED for row in rows) or bool(one and one.run.unmet)
        hosts.append(
            HostRow(
                name=name,
                rows=len(rows),
                lost=lost.get(name),
                exit=int(failed),
                facts=one.host.to_json() if one is not None and one.host is not run.host else {},
            )
        )
    return replace(
        run,
        run=replace(
            run.run,
            missing=sum(one.run.missing for one in runs.values()),
            unmet=len(lost) + sum(one.run.unmet for one in runs.values()),
        ),
        boxes=tuple(replace(box, name=named(name, box.name)) for name, one in runs.items() for box in one.boxes),
        guarantees=tuple(guarantees.values()),
        results=tuple(row_of(name, row) for name, one in runs.items() for row in one.results),
        notes=(*run.notes, *(f"{name}: {note}" for name, one in runs.items() for note in one.notes)),
        hosts=tuple(hosts),
    )


def apart(run: Run) -> dict[str, Run]:
    """The inverse, as far as a comparison needs it: name of a machine -> what it has measured."""
    found = {}
    for host in run.hosts:
        start = named(host.name, "")

        def own(name: str, start: str = start) -> str:
            return name.removeprefix(start)

        found[host.name] = replace(
            run,
            run=replace(run.run, exit=host.exit),
            boxes=tuple(replace(box, name=own(box.name)) for box in run.boxes if box.name.startswith(start)),
            results=tuple(
                replace(row, box=own(row.box), sibling=None if row.sibling is None else own(row.sibling))
                for row in run.results
                if row.box.startswith(start)
            ),
            host=type(run.host).from_json(host.facts) if host.facts else run.host,
            hosts=(),
        )
    return found


def lines(run: Run) -> Iterator[tuple[bool, str]]:
    """(whether it is bad, a line): each machine, the lost ones first; then in what some deviate from most."""
    for host in sorted(run.hosts, key=lambda one: one.lost is None):
        if host.lost is not None:
            yield True, f"LOST {host.name} after {counted(host.rows, 'row')}: {host.lost}"
            continue
        facts = host.facts
        who = f": Linux {facts['kernel']} {facts['arch']}, cgroup {facts['cgroup']}" if facts else ""
        who += f", {'root' if facts['root'] else 'not root'}" if facts else ""
        yield bool(host.exit), f"{host.name}{who}, {counted(host.rows, 'row')}{', FAILED' if host.exit else ''}"
    yield from ((False, line) for line in _deviations(run))


def _deviations(run: Run) -> Iterator[str]:
    whole = {host.name for host in run.hosts if host.lost is None}
    together = fleet.Fleet()
    for name, one in apart(run).items():
        if name in whole:
            together.add(name, "", one.to_json())
    if len(together.hosts) < 2:
        return
    usual = together.usual()
    for host, rows, differs in together.deviations():
        for what, value in differs.items():
            yield f"{host.name}: {what} {value}; most have {usual[what]}"
        for row in rows[:FEW]:
            yield f"{host.name}: {row.place}: {row.key[1]}: {row.verdict}; {row.majority} on most"
        if len(rows) > FEW:
            yield f"{host.name}: and {len(rows) - FEW} rows more"
