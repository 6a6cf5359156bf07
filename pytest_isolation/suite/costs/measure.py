"""What each box of a run costs, measured when its rows are: nothing else of the run is working then.

A box has BUDGET_S seconds, spent in this order: what it costs its programs, its starts one by one, and several of it at
a time; where more of it at a time are asked for than USUAL, MORE_S longer for each.  What there is no time left for
says so in place of its figure.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import IsolationError, in_one_line
from pytest_isolation.outside.box import Box
from pytest_isolation.report.costs import KEYS
from pytest_isolation.report.further import Cost, Growth
from pytest_isolation.report.trade import Probed
from pytest_isolation.suite.costs import engines, host, inside, probes
from pytest_isolation.technologies.pool import Pool

BUDGET_S = 25.0
STARTS_S, GROWTH_S = 12.0, 20.0
"""By when the starts, and the box of boxes, must have begun their last one."""
USUAL, MORE_S = 10, 2.0
"""Boxes at a time that fit in the above; seconds for each further one that is asked for."""
SAMPLES = 9
STARTS = 7
FEWEST = 2
STEPS = (1, 5, 10, 20, 30, 40, 50, 75, 100)
SPARE = 1 << 30
"""Memory of the host that boxes at a time must leave."""
DAEMONS = {"docker": ("dockerd", "containerd")}
"""Technology -> processes of the host that serve every box of it and grow with their number."""
ENDINGS = 3

ATTACHED = "its owner started it: to start and end it is not ours to try"
ELSEWHERE = "it runs on another machine, whose processes are not to be seen from here"


def budget_s(boxes: int) -> float:
    """Seconds for the costs of one box, of which at most `boxes` stand at a time."""
    return BUDGET_S + MORE_S * max(0, boxes - USUAL)


@dataclass(slots=True)
class Measured:
    """Of one box; `lacking`: key of KEYS -> why there is no such figure."""

    costs: dict[str, Cost] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    growth: list[Growth] = field(default_factory=list)

    def add(self, key: str, values: Iterable[float], *, bare: float | None = None, note: str = "") -> None:
        """A figure, of values in the key's unit."""
        found = sorted(values)
        if found:
            self.costs[key] = Cost(
                median=_short(statistics.median(found)),
                n=len(found),
                low=_short(found[0]),
                high=_short(found[-1]),
                bare=None if bare is None else _short(bare),
                note=note,
            )

    def lack(self, why: str, *keys: str) -> None:
        """Why the figures of `keys` are missing; those that are there stay."""
        for key in keys:
            if key not in self.costs:
                self.lacking.setdefault(key, why)


@dataclass(slots=True)
class Costs:
    """Of a run: filled as soon as something is known, since measuring may be interrupted."""

    boxes: dict[str, Measured] = field(default_factory=dict)
    """By name."""
    probed: list[Probed] = field(default_factory=list)
    """What was tried for the sentences of report/trade.py."""


def measure(
    specs: Iterable[BoxSpec],
    *,
    boxes: int,
    tell: Callable[[str], None],
    into: Costs,
    versions: tuple[Path, Path] | None = None,
) -> None:
    """The costs of each box, and what is tried for everyday sentences about such boxes.

    `boxes`: how many of one at a time at most.  `versions`: two versions of one static program.  `tell`: a line for a
    person.  Starts boxes of its own, and ends them; what a box refuses is said in place of a figure.  Raises
    IsolationError where no bare process can be started.
    """
    lifetime = Lifetime()
    pool = Pool(lifetime)
    specs = list(specs)
    try:
        with pool.launch(BoxSpec(technology="host", name="bare")) as bare:
            for spec in specs:
                tell(f"measuring what {spec.name} costs, {budget_s(boxes):g} s at most")
                into.boxes[spec.name] = _Costs(spec, pool, lifetime, bare, boxes).found(into.probed)
            _try(specs, pool, lifetime, into.probed, versions)
    finally:
        pool.close()
        lifetime.close()


def _try(
    specs: list[BoxSpec], pool: Pool, lifetime: Lifetime, probed: list[Probed], versions: tuple[Path, Path] | None
) -> None:
    """What costs do not tell.  Of a box that its owner started, nothing."""
    specs = [spec for spec in specs if not spec.attached]
    if versions is not None:
        probed.append(
            probes.tried("versions", probes.BARE, lambda: probes.versions_on_the_host(versions, pool, lifetime))
        )
    for spec in specs:
        if versions is not None and spec.image is None and spec.technology not in ("host", "cgroup"):
            probed.append(
                probes.tried("versions", spec.name, lambda spec=spec: probes.versions(versions, spec, pool))  # type: ignore[misc]
            )
        if spec.technology in engines.ENGINES:
            probed.append(probes.tried("engine", spec.name, lambda spec=spec: engines.life(spec, pool)))  # type: ignore[misc]
        if spec.technology == "qemu":
            probed.append(probes.tried("file", spec.name, lambda spec=spec: probes.file(spec, lifetime)))  # type: ignore[misc]


@dataclass(slots=True)
class _Starts:
    """Boxes that were started and ended one after another."""

    starts: list[float] = field(default_factory=list)
    """ms, as `ends`."""
    ends: list[float] = field(default_factory=list)
    kernel: list[float] = field(default_factory=list)
    """MiB of the kernel's memory."""
    disks: list[host.Disk] = field(default_factory=list)
    """Of the first one."""
    seen: list[dict[host.Known, host.Seen]] = field(default_factory=list)
    """Its processes, of each box."""

    @property
    def needed(self) -> float:
        """Seconds that one more box takes, to be begun in time."""
        return (max(self.starts, default=0) + max(self.ends, default=0)) / 1e3


class _Costs:
    def __init__(self, spec: BoxSpec, pool: Pool, lifetime: Lifetime, bare: Box, boxes: int) -> None:
        self.spec = replace(spec, door=Door.START) if spec.door == Door.BOTH else spec
        self.pool, self.lifetime, self.bare, self.boxes = pool, lifetime, bare, boxes
        self.began = time.monotonic()
        self.measured = Measured()
        self.no_time = f"a box has {budget_s(boxes):g} s for its costs, and they were over"

    def found(self, probed: list[Probed]) -> Measured:
        try:
            with ExitStack() as undo:
                began = time.perf_counter()
                box = self.pool.launch(self.spec)
                undo.callback(box.close)
                box.proc.getpid()
                if not self.spec.attached:
                    self.measured.add("first_start_ms", [(time.perf_counter() - began) * 1e3])
                probed.append(probes.tried("kernel", self.spec.name, lambda: probes.kernel(box)))
                self._inside(box)
                here = box.parts.host is LOCAL_HOST
            if self.spec.attached:
                self.measured.lack(ATTACHED, *KEYS)
            else:
                self._starts(here)
                self._growth(here)
        except (IsolationError, OSError, psutil.Error) as error:
            self.measured.lack(in_one_line(error), *KEYS)
        self.measured.lack(self.no_time, *KEYS)
        return self.measured

    def _spent(self, seconds: float) -> bool:
        return time.monotonic() - self.began > seconds

    # -- for its programs ----------------------------------------------------------------

    def _inside(self, box: Box) -> None:
        steps = {"box": 0.0, "bare": 0.0}
        trips = {"box": inside.round_trip(box.proc), "bare": inside.round_trip(self.bare.proc)}
        for figure in inside.FIGURES:
            try:
                with ExitStack() as undo:
                    sides = {
                        name: inside.Sampler(figure.prepare(one, undo), trips[name], steps[name])
                        for name, one in (("bare", self.bare), ("box", box))
                    }
                    taken: dict[str, list[float]] = {name: [] for name in sides}
                    for _ in range(SAMPLES):  # in turn: a busy moment of the machine is everybody's
                        for name, one in sides.items():
                            taken[name].append(one.sample())
            except (IsolationError, OSError) as error:
                if not box.alive:
                    raise
                self.measured.lack(in_one_line(error), figure.key)
                continue
            if figure.key == "compute_ns":
                steps = {name: min(values) for name, values in taken.items()}
            bare = min(taken["bare"]) * figure.scale
            self.measured.add(figure.key, [value * figure.scale for value in taken["box"]], bare=bare)

    # -- one by one ----------------------------------------------------------------------

    def _starts(self, here: bool) -> None:
        found = _Starts()
        while len(found.starts) < STARTS and (len(found.starts) < FEWEST or not self._spent(STARTS_S)):
            if self._spent(BUDGET_S - found.needed) and found.starts:
                break
            self._start_one(found, here)
        self.measured.add("start_ms", found.starts)
        self.measured.add("end_ms", found.ends)
        rate = 1e3 * len(found.starts) / (sum(found.starts) + sum(found.ends))
        self.measured.add("boxes_per_s", [rate], note="one after another")
        if here:
            self._tell_processes(found)
        else:
            disks = (f"disk_{key}_mib" for key in ("image", "layer", "box"))
            self.measured.lack(ELSEWHERE, "processes", "memory_mib", *disks)
        if found.kernel:
            self.measured.add("kernel_mib", found.kernel)
        self.measured.lack(
            "no control group of its own that counts the kernel's memory is to be seen here", "kernel_mib"
        )
        for disk in found.disks:
            for key, value in (("image", disk.image), ("layer", disk.layer), ("box", disk.box)):
                if isinstance(value, str):
                    self.measured.lack(value, f"disk_{key}_mib")
                else:
                    self.measured.add(f"disk_{key}_mib", [value / host.MIB])

    def _start_one(self, into: _Starts, here: bool) -> None:
        before = host.processes()
        taken = host.room(self.lifetime.directory)
        began = time.perf_counter()
        box = self.pool.launch(self.spec)
        try:
            box.proc.getpid()
            into.starts.append((time.perf_counter() - began) * 1e3)
            if here:
                into.seen.append(host.looked_at(host.of_box(host.processes() - before, box)))
            if box.parts.group is not None and (used := host.kernel_bytes(box.parts.group)) is not None:
                into.kernel.append(used / host.MIB)
            if here and not into.disks:
                into.disks.append(host.disk(box, self.lifetime, taken))
        finally:
            began = time.perf_counter()
            box.close()
        into.ends.append((time.perf_counter() - began) * 1e3)

    def _tell_processes(self, found: _Starts) -> None:
        """How many came with each box, which, and their memory."""
        seen = found.seen
        if not all(seen):
            self.measured.lack(
                "no process of this host came with it that is known to be its", "processes", "memory_mib"
            )
            return
        names = Counter(process.name for one in seen for process in one.values())
        words = ", ".join(name if most == 1 else f"{most} {name}" for name, most in _each(names, len(seen)))
        self.measured.add("processes", [len(one) for one in seen], note=words)
        memory = [[process.pss for process in one.values()] for one in seen]
        if any(pss is None for one in memory for pss in one):
            why = "a process of it belongs to another user, and its memory is not ours to read"
            self.measured.lack(why, "memory_mib")
        else:
            self.measured.add("memory_mib", [sum(pss or 0 for pss in one) / host.MIB for one in memory])

    # -- many at a time ------------------------------------------------------------------

    def _growth(self, here: bool) -> None:
        """How start and memory grow with the number of boxes that stand."""
        daemons = DAEMONS.get(self.spec.technology, ()) if here else ()
        served = _pss(host.named(daemons))
        theirs: set[host.Known] = set()
        boxes: list[Box] = []
        grown: int | None = None
        stopped = ""
        try:
            for step in (one for one in STEPS if one <= self.boxes):
                starts, stopped = self._stand(boxes, step, theirs, here)
                if stopped:
                    break
                total = _pss(host.looked_at(theirs)) if theirs else None
                self.measured.growth.append(
                    Growth(
                        boxes=step,
                        start_ms=_short(statistics.median(starts)),
                        memory_mib=None if total is None else _short(total / host.MIB),
                    )
                )
            if boxes and daemons and served is not None and (now := _pss(host.named(daemons))) is not None:
                grown = max(0, now - served) // len(boxes)
        finally:
            with ThreadPoolExecutor(ENDINGS if here else 1) as threads:
                list(threads.map(Box.close, boxes))
        if grown is not None and served:
            self.measured.add("daemon_mib", [grown / host.MIB], note=f"{', '.join(daemons)}; {len(boxes)} boxes stood")
        self.measured.lack("no daemon of this host serves all of its boxes", "daemon_mib")
        if stopped:
            self.measured.lacking["growth"] = f"{len(boxes)} boxes at a time: {stopped}"

    def _stand(self, boxes: list[Box], many: int, theirs: set[host.Known], here: bool) -> tuple[list[float], str]:
        """Start further `boxes` until so many stand: ms of each start, and why there are fewer, "" where there are not.

        `theirs`: processes that came with them.
        """
        starts: list[float] = []
        while len(boxes) < many:
            if self._spent(GROWTH_S + budget_s(self.boxes) - BUDGET_S):
                return starts, self.no_time
            if psutil.virtual_memory().available < SPARE:
                return starts, f"{SPARE >> 30} GiB of this host's memory are to be left"
            before = host.processes()
            began = time.perf_counter()
            boxes.append(box := self.pool.launch(self.spec))
            box.proc.getpid()
            starts.append((time.perf_counter() - began) * 1e3)
            if here:
                theirs |= host.of_box(host.processes() - before, box)
        return starts, ""


def _pss(seen: dict[host.Known, host.Seen]) -> int | None:
    """Of all of them; None where one of them is not ours to read."""
    found = [one.pss for one in seen.values()]
    return None if any(pss is None for pss in found) else sum(pss or 0 for pss in found)


def _each(names: Counter[str], rounds: int) -> list[tuple[str, int]]:
    """(name, how many a box), those of which there is one in half of the rounds."""
    return sorted((name, round(number / rounds)) for name, number in names.items() if round(number / rounds))


def _short(value: float) -> float:
    """Four digits that mean something."""
    return float(f"{value:.4g}")
