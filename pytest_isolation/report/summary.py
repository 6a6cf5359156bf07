"""What is said of a run beside its matrix: groups of rows and the one line at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.verdicts import Control, Outcome, Verdict
from pytest_isolation.report import support

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_isolation.report.run import BoxRow, ResultRow, Run


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that share one reason."""

    reason: str
    remedy: str | None
    rows: tuple[ResultRow, ...]

    @property
    def cells(self) -> str:
        """ "docker: pid.a, pid.b; qemu: pid.a": which cells, box by box."""
        boxes: dict[str, list[str]] = {}
        for row in self.rows:
            boxes.setdefault(row.box, []).append(row.guarantee)
        return "; ".join(f"{box}: {', '.join(ids)}" for box, ids in boxes.items())


def broken(run: Run) -> tuple[ResultRow, ...]:
    """Violations that something requires not to be."""
    return tuple(row for row in run.results if row.verdict is Verdict.VIOLATED and row.outcome is Outcome.FAILED)


def accepted(run: Run) -> tuple[tuple[ResultRow, ...], ...]:
    """The other violations, those of one guarantee together."""
    groups: dict[str, list[ResultRow]] = {}
    for row in run.results:
        if row.verdict is Verdict.VIOLATED and row.outcome is not Outcome.FAILED:
            groups.setdefault(row.guarantee, []).append(row)
    return tuple(map(tuple, groups.values()))


def undecided(run: Run) -> tuple[Group, ...]:
    """Vacuous and inconclusive rows."""
    return _grouped(row for row in run.results if row.verdict in (Verdict.VACUOUS, Verdict.INCONCLUSIVE))


def unsupported(run: Run) -> tuple[Group, ...]:
    return _grouped(row for row in run.results if row.verdict is Verdict.UNSUPPORTED)


def unproven(run: Run) -> tuple[Group, ...]:
    """Rows that hold without a control."""
    return _grouped(row for row in run.results if row.verdict is Verdict.HOLDS and row.control is Control.NONE)


def silent_proofs(run: Run) -> tuple[str, ...]:
    """Under --isolation-prove: where a check missed the hole that must break its guarantee."""
    return tuple(
        f"{row.guarantee}: silent on {box} with its hole open"
        for row in run.results
        for box, control in row.proofs.items()
        if control is Control.SILENT
    )


def _grouped(rows: Iterable[ResultRow]) -> tuple[Group, ...]:
    groups: dict[tuple[str, str | None], list[ResultRow]] = {}
    for row in rows:
        groups.setdefault((row.reason or f"no reason given ({row.verdict})", row.remedy), []).append(row)
    return tuple(Group(reason, remedy, tuple(held)) for (reason, remedy), held in groups.items())


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
    said += [f"{_cost(name)} {cost.median:g}{_unit(name)} (n = {cost.n})" for name, cost in box.costs.items()]
    return ", ".join(said) or "available"


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
    }
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if number or name == "hold")
    guarantees = len({row.guarantee for row in rows})
    boxes = len({row.box for row in rows})
    failed = run.run.exit != 0 or silent_proofs(run) or any(row.outcome is Outcome.FAILED for row in rows)
    ending = "FAILED" if failed else "passed" if rows else "nothing was measured"
    return f"{guarantees} guarantees x {boxes} boxes: {said}: {ending}"
