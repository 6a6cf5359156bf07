"""Make a control group and put limits on it, on v1, hybrid and v2 hosts: cgroups.py.

Sources: kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/*.rst.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pytest_isolation.boxes import cgroups, resources
from pytest_isolation.boxes.cgroups import Group, Limits, put
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import BoxError


def create(path: str, limits: Limits) -> Group | None:
    """Make the group `path` (relative) with `limits`; None where this user may not.

    A limit whose controller is not there is an error, never silently dropped: BoxError.
    """
    try:
        try:
            places = _make(path)
        except FileNotFoundError:  # another run, the last there was, has just removed cgroups.TOP
            places = _make(path)
    except OSError:
        cgroups.remove(path)
        return None
    if not places:
        return None
    group = Group(path, places)
    try:
        limit(group, limits)
    except BaseException:
        cgroups.remove(path)
        raise
    return group


def _make(path: str) -> dict[str, Path]:
    places: dict[str, Path] = {}
    for controller, root in cgroups.hierarchies().items():
        if controller == "unified":
            place = _make_unified(root, path)
        else:
            place = root / path
            place.mkdir(parents=True, exist_ok=True)
            if controller == "cpuset":
                _inherit_cpuset(root, place)
        places[controller] = place
    _prefer(places)
    return places


def _prefer(places: dict[str, Path]) -> None:
    """On a busy machine a box that has no limit must still get more than one that has."""
    for controller, file, weight in (("cpu", "cpu.shares", "8192"), ("unified", "cpu.weight", "800")):
        if controller in places:
            top = cgroups.hierarchies()[controller] / cgroups.TOP / file
            with suppress(OSError):
                top.write_text(weight, encoding="utf-8")


def _make_unified(root: Path, path: str) -> Path:
    place, own = root, cgroups.delegated()
    for part in Path(path).parts:
        if own is not None and place == root / own:
            _stand_aside(place)
        offered = set(text_of(place / "cgroup.controllers").split())
        wanted = " ".join(f"+{name}" for name in sorted(offered & {*cgroups.NEEDED, "cpuset"}))
        if wanted:
            with suppress(OSError):  # one above the group that was delegated
                (place / "cgroup.subtree_control").write_text(wanted, encoding="utf-8")
        place = place / part
        place.mkdir(exist_ok=True)
    return place


def _stand_aside(place: Path) -> None:
    """Have the processes of a delegated group, this one too, wait in a group below: it could hand nothing down."""
    aside = place / cgroups.ASIDE
    aside.mkdir(exist_ok=True)
    cgroups.move(place, aside)


def _inherit_cpuset(root: Path, place: Path) -> None:
    """A v1 cpuset takes no process until both its lists are filled."""
    for below in reversed([place, *place.parents]):
        if root in below.parents:
            for name in ("cpuset.cpus", "cpuset.mems"):
                if not text_of(below / name).strip():
                    (below / name).write_text(text_of(below.parent / name), encoding="utf-8")


def limit(group: Group, limits: Limits) -> None:
    """Set `limits` on a group that is there; BoxError for one whose controller is not."""
    if limits.memory is not None:
        file = group.file("memory", "memory.limit_in_bytes", "memory.max")
        if file is None:
            raise BoxError("a memory limit was asked for, and no memory controller is there")
        put(file, str(limits.memory))
        swap = group.file("memory", "memory.memsw.limit_in_bytes", "memory.swap.max")
        if swap is not None and swap.exists():
            put(swap, "0" if swap.name == "memory.swap.max" else str(limits.memory))
    if limits.pids is not None:
        file = group.file("pids", "pids.max", "pids.max")
        if file is None:
            raise BoxError("a limit on processes was asked for, and no pids controller is there")
        put(file, str(limits.pids))
    if limits.cpus is not None:
        period = 100_000
        quota = max(1000, int(limits.cpus * period))
        if "cpu" in group.places:
            put(group.places["cpu"] / "cpu.cfs_period_us", str(period))
            put(group.places["cpu"] / "cpu.cfs_quota_us", str(quota))
        elif (file := group.file("cpu", "", "cpu.max")) is not None:
            put(file, f"{quota} {period}")
        else:
            raise BoxError("a processor limit was asked for, and no cpu controller is there")
    for name, value in limits.resources:
        resources.put_into(group, name, value)
