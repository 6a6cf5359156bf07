"""What boxes cost, in words: one table for every format.  No figure passes or fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_isolation.report.further import Cost
    from pytest_isolation.report.run import BoxRow, Run

KEYS = {
    "start_ms": "start to first call, ms",
    "first_start_ms": "the run's first start, ms",
    "end_ms": "end, ms",
    "boxes_per_s": "boxes a second, one by one",
    "processes": "processes on the host",
    "memory_mib": "memory of one more, MiB",
    "kernel_mib": "kernel's memory for it, MiB",
    "daemon_mib": "daemon's share, MiB",
    "disk_image_mib": "disk: image, MiB",
    "disk_layer_mib": "disk: writable layer, MiB",
    "disk_box_mib": "disk: one more box, MiB",
    "call_us": "a system call, us",
    "open_read_us": "open, read, close, us",
    "page_fault_us": "a page fault, us",
    "loopback_us": "loopback round trip, us",
    "fork_exec_us": "fork and exec, us",
    "compute_ns": "compute loop, ns a step",
}
"""Key of a cost -> its title with the unit, in the order of a table."""

CHARTED = ("start_ms", "memory_mib", "call_us")
NONE = "-"


@dataclass(frozen=True, slots=True)
class Table:
    """What boxes cost, as text."""

    columns: tuple[str, ...]
    """Names of boxes."""
    lines: tuple[tuple[str, str, tuple[str, ...]], ...]
    """(key, title, a cell a box): "3.1 (2.9-4.0)", "0.17 x1.2" against bare, "-"."""


def asked(box: BoxRow) -> bool:
    """Whether its costs were: each key of KEYS has a figure, or a reason."""
    return bool(box.lacking or "end_ms" in box.costs)


def measured(run: Run) -> tuple[BoxRow, ...]:
    """The boxes whose costs were asked for."""
    return tuple(filter(asked, run.boxes))


def table(run: Run) -> Table | None:
    """None where nobody asked for costs."""
    boxes = measured(run)
    if not boxes:
        return None
    lines = [
        (key, title, tuple(cell(box.costs.get(key)) for box in boxes))
        for key, title in KEYS.items()
        if any(key in box.costs for box in boxes)
    ]
    sizes = list(dict.fromkeys(one.boxes for box in boxes for one in box.growth))
    for size in sizes[1:]:
        at = [next((one for one in box.growth if one.boxes == size), None) for box in boxes]
        lines.append(("growth", f"{size} boxes: start, ms", tuple(short(one.start_ms if one else None) for one in at)))
        lines.append(
            ("growth", f"{size} boxes: memory, MiB", tuple(short(one.memory_mib if one else None) for one in at))
        )
    return Table(tuple(box.name for box in boxes), tuple(lines))


def cell(cost: Cost | None) -> str:
    """The median, with the least and the greatest where they are told; or how many times a bare process' it is."""
    if cost is None:
        return NONE
    if cost.bare:
        return f"{short(cost.median)} x{times(cost):.3g}"
    if cost.low is None or cost.high is None or cost.n == 1 or cost.low == cost.high:
        return short(cost.median)
    return f"{short(cost.median)} ({short(cost.low)}-{short(cost.high)})"


def times(cost: Cost) -> float:
    """How many times a bare process' figure it is, least against least: what else the machine does only adds."""
    return (cost.low or cost.median) / cost.bare if cost.bare else 0.0


def legend(run: Run) -> list[str]:
    """What the table's words mean, and how often it was measured."""
    most = {key: max((box.costs[key].n for box in measured(run) if key in box.costs), default=0) for key in KEYS}
    return [
        f"median (least-greatest) of {most['start_ms']} starts; x1.2: the least is 1.2 times a bare "
        f"process', measured in turn ({most['call_us']} times); memory is proportional (PSS), of all processes "
        "that a box adds to the host. Nothing here passes or fails"
    ]


def whys(run: Run) -> list[str]:
    """ "host, cgroup: disk: image, MiB; disk: one more box, MiB: it has no root of its own ...": figures that lack."""
    found: dict[str, dict[str, list[str]]] = {}
    for box in measured(run):
        for key, why in box.lacking.items():
            found.setdefault(why, {}).setdefault(box.name, []).append(KEYS.get(key, key).partition(", ")[0])
    said = []
    for why, boxes in found.items():
        grouped: dict[tuple[str, ...], list[str]] = {}
        for name, keys in boxes.items():
            grouped.setdefault(tuple(keys), []).append(name)
        said += [f"{', '.join(names)}: no {'; '.join(lost)}: {why}" for lost, names in grouped.items()]
    return said


def notes(run: Run) -> list[str]:
    """ "docker: processes on the host: agent, containerd-shim"."""
    return [
        f"{box.name}: {KEYS[key].partition(', ')[0]}: {box.costs[key].note}"
        for box in measured(run)
        for key in ("processes", "daemon_mib")
        if key in box.costs and box.costs[key].note
    ]


def short(value: float | None) -> str:
    """Three digits that mean something, never as a power of ten."""
    if value is None:
        return NONE
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


# -- charts ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dot:
    """A line of a chart; places in its units across, of WIDTH."""

    name: str
    at: float
    low: float
    high: float
    said: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Of one figure, a line a box, along a logarithmic axis: boxes differ by factors of a thousand."""

    title: str
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]

    @property
    def height(self) -> int:
        """In units of the drawing."""
        return len(self.dots) * LINE + 2 * LINE


WIDTH, LINE = 560, 22
LABELS = 150
"""Room for names of boxes, of WIDTH."""


def charts(run: Run) -> tuple[Chart, ...]:
    """One for each of CHARTED that two boxes or more have."""
    found = []
    for key in CHARTED:
        held = [(box.name, box.costs[key]) for box in measured(run) if key in box.costs and _drawn(box.costs[key])]
        if len(held) > 1:
            found.append(_chart(KEYS[key], held))
    return tuple(found)


def _drawn(cost: Cost) -> bool:
    """Whether a logarithmic axis has a place for it: somebody's report may say less than nothing."""
    return all(1e-300 < value < 1e300 for value in (cost.median, cost.low or cost.median, cost.high or cost.median))


def _chart(title: str, held: Iterable[tuple[str, Cost]]) -> Chart:
    from math import ceil, floor, log10

    held = list(held)
    values = [value for _, cost in held for value in (cost.median, cost.low, cost.high) if value]
    first, last = floor(log10(min(values))), ceil(log10(max(values)))
    last = max(last, first + 1)

    def place(value: float) -> float:
        return round(LABELS + (WIDTH - LABELS - 70) * (log10(value) - first) / (last - first), 1)

    dots = tuple(
        Dot(name, place(cost.median), place(cost.low or cost.median), place(cost.high or cost.median),
            short(cost.median))
        for name, cost in held
    )  # fmt: skip
    return Chart(title, dots, tuple((place(10.0**power), f"{10.0**power:g}") for power in range(first, last + 1)))
