"""Control groups on v1, hybrid and v2 hosts: find one, read what it used, remove it; making_groups.py makes one.

A group is one directory on v2 and one per controller on v1; a hybrid host has some controllers on
each.  Sources: kernel Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/*.rst.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from pytest_isolation.boxes.host import LOCAL_HOST, Host, RemotePath
from pytest_isolation.boxes.mount_table import parse, visible
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import BoxError

CONTROLLERS = (
    "memory", "pids", "cpu", "cpuacct", "cpuset", "devices", "freezer", "blkio", "hugetlb", "net_cls", "net_prio",
    "perf_event", "rdma", "misc",
)  # fmt: skip
DELEGATED = ("cgroup.procs", "cgroup.subtree_control")
"""Besides the directory itself, what a user is given of a group: cgroup-v2.rst, "Model of Delegation"."""
TOP = "pytest-isolation"
"""The group, in the root of every hierarchy, that all runs have theirs in; it goes with the last."""
ASIDE = "pytest-isolation-aside"
"""The group, next to it in a delegated group, where the processes of that group wait while a run lasts.

A group of version 2 that has processes of its own gives its children no controllers.
"""
NONE_V1 = 1 << 60
"""A memory limit of v1 beyond this is none: none is written as -1 and read as 2**63 less a page, memory.rst."""
NEEDED = {"memory", "pids", "cpu"}
"""The controllers of v2 that a guard needs."""
SYSTEMD = "name=systemd"
"""A v1 hierarchy without a controller.  Runtimes make groups in every hierarchy there is, so ours span them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None: as much as the parent has."""

    memory: int | None = None
    pids: int | None = None
    cpus: float | None = None
    resources: tuple[tuple[str, str], ...] = ()
    """Those of resources.py, by their names there; none is read back by Group.limits()."""


@cache
def hierarchies(host: Host = LOCAL_HOST) -> dict[str, Path]:
    """Controller -> where it is mounted on `host`, and seen; "unified" is the v2 tree, if there is one."""
    found: dict[str, Path] = {}
    for mount in visible(parse(text_of(host.path("/proc/self/mountinfo")))):
        names = ["unified"] if mount.fstype == "cgroup2" else []
        if mount.fstype == "cgroup":
            names = [one for one in mount.options.split(",") if one in (*CONTROLLERS, SYSTEMD)]
        for name in names:
            found.setdefault(name, host.path(mount.point))
    return found


def tree(place: Path) -> Sequence[Path]:
    """`place` and every group below it, parents first; groups may end meanwhile."""
    return place.tree() if isinstance(place, RemotePath) else [Path(top) for top, _, _ in os.walk(place)]


def mode() -> Literal["v1", "hybrid", "v2", "none"]:
    """How this host mounts control groups."""
    mounted = hierarchies()
    if not mounted:
        return "none"
    if "unified" not in mounted:
        return "v1"
    return "v2" if len(mounted) == 1 else "hybrid"


@cache
def delegated() -> str | None:
    """The group of v2 that this user was given and is in, relative to the tree's root; None where there is none.

    Source: cgroup-v2.rst, "Delegation".  For root it is None: its groups are made in the root.
    """
    if os.geteuid() == 0 or mode() != "v2":
        return None
    own = text_of(Path("/proc/self/cgroup")).partition("::")[2].strip().strip("/").removesuffix(f"/{ASIDE}")
    place = hierarchies()["unified"] / own
    if ".." in own or not all(os.access(place / name, os.W_OK) for name in (".", *DELEGATED)):
        return None
    return own if set(text_of(place / "cgroup.controllers").split()) >= NEEDED else None


class Membership(NamedTuple):
    """The group that a process is in, of one hierarchy."""

    controllers: tuple[str, ...]
    """`unified` alone: the v2 tree."""
    path: str
    """As who reads it sees it: `/` for the root of its control group namespace."""


def memberships(text: str) -> list[Membership]:
    """Of a /proc/PID/cgroup: cgroups(7).  What is no line of one is left out."""
    lines = (line.split(":", 2) for line in text.split("\n"))
    return [Membership(tuple((line[1] or "unified").split(",")), line[2]) for line in lines if len(line) == 3]


class Group:
    """A control group.  Limits are set once, when it is made; `add` moves a process in."""

    def __init__(self, path: str, places: dict[str, Path]) -> None:
        self.path = path
        """Relative to the root of each hierarchy."""
        self.places = places
        """Controller -> directory; on v2 all the same."""

    def file(self, controller: str, v1: str, v2: str) -> Path | None:
        """The path of a control file, whichever version this controller is on; None without it."""
        if controller in self.places:
            return self.places[controller] / v1
        unified = self.places.get("unified")
        return unified / v2 if unified is not None and (unified / v2).exists() else None

    def has(self, controller: str) -> bool:
        """Whether the group has the controller, of version 1 or 2."""
        if controller in self.places:
            return True
        unified = self.places.get("unified")
        return unified is not None and controller in text_of(unified / "cgroup.controllers").split()

    def add(self, pid: int) -> None:
        """Move a process in, in all hierarchies.  Raises OSError."""
        for place in set(self.places.values()):
            (place / "cgroup.procs").write_text(str(pid), encoding="utf-8")

    def tasks(self) -> int:
        """Processes and threads in it now, children included."""
        counter = self.file("pids", "pids.current", "pids.current")
        if counter is not None:
            return int(text_of(counter))
        return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in self.pids())

    def pids(self) -> set[int]:
        """Processes in it and below it, by the host's numbers."""
        found: set[int] = set()
        for place in set(self.places.values()):
            for below in tree(place):
                with suppress(OSError):
                    found |= {int(word) for word in text_of(below / "cgroup.procs").split()}
        return found

    def memberships(self) -> set[tuple[str, int]]:
        """(the hierarchy's directory of the group, a process in or below it), by the host's numbers."""
        return {
            (str(place), pid) for place in set(self.places.values()) for pid in Group(self.path, {"": place}).pids()
        }

    def memory_bytes(self) -> int:
        """Charged now."""
        file = self.file("memory", "memory.usage_in_bytes", "memory.current")
        if file is None:
            raise BoxError("no memory controller on this host counts the box")
        return int(text_of(file))

    def memory_peak(self) -> int:
        """The most that was charged since the group was made."""
        file = self.file("memory", "memory.max_usage_in_bytes", "memory.peak")
        if file is None:
            return self.memory_bytes()
        return int(text_of(file))

    def oom_kills(self) -> int:
        """How many of its processes the kernel has killed for want of memory; 0 without an account."""
        file = self.file("memory", "memory.oom_control", "memory.events")
        if file is None:
            return 0
        for line in text_of(file).splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def cpu_seconds(self) -> float:
        """Processor time used by everything that was ever in it."""
        if "cpuacct" in self.places:
            return int(text_of(self.places["cpuacct"] / "cpuacct.usage")) / 1e9
        for line in text_of(self.places["unified"] / "cpu.stat").splitlines():
            if line.startswith("usage_usec "):
                return int(line.split()[1]) / 1e6
        raise BoxError("no cpu controller on this host counts the box")

    def limits(self) -> Limits:
        """As the host's files have them; None: no limit of its own, or no such controller."""
        memory = self._read("memory", "memory.limit_in_bytes", "memory.max")
        pids = self._read("pids", "pids.max", "pids.max")
        return Limits(
            # v1 has no word for none: the most that a file can hold.
            memory=int(memory[0]) if memory and memory[0] != "max" and int(memory[0]) < NONE_V1 else None,
            pids=int(pids[0]) if pids and pids[0] != "max" else None,
            cpus=self._quota(),
        )

    def _quota(self) -> float | None:
        found = self._read("cpu", "cpu.cfs_quota_us", "cpu.max")
        if "cpu" in self.places:
            found += self._read("cpu", "cpu.cfs_period_us", "")
        if len(found) < 2 or found[0] == "max" or int(found[0]) <= 0:
            return None
        return int(found[0]) / int(found[1])

    def _read(self, controller: str, v1: str, v2: str) -> list[str]:
        file = self.file(controller, v1, v2)
        return text_of(file).split() if file is not None and file.exists() else []

    def allow_only(self, rules: Iterable[str]) -> None:
        """Which devices its processes may use: lines as of devices.allow (cgroup-v1/devices.rst).

        Nothing changes where no such controller is: v2 has it as a BPF program of the runtime's.
        """
        if "devices" in self.places:
            put(self.places["devices"] / "devices.deny", "a")
            for rule in rules:
                put(self.places["devices"] / "devices.allow", rule)

    def freeze(self, frozen: bool) -> None:
        """Stop every process in it, or let them go on; returns when that is so.  Raises BoxError after 10 s."""
        state = self.file("freezer", "freezer.state", "cgroup.freeze")
        told = self.file("freezer", "freezer.state", "cgroup.events")
        if state is None or told is None:
            raise BoxError("this host has no freezer for the box's control group")
        old = state.name == "freezer.state"
        put(state, ("FROZEN" if frozen else "THAWED") if old else str(int(frozen)))
        wanted = ("FROZEN" if frozen else "THAWED") if old else f"frozen {int(frozen)}"
        deadline = time.monotonic() + 10
        while wanted not in text_of(told):
            if time.monotonic() > deadline:
                raise BoxError(f"{self.path} does not become {wanted}")
            time.sleep(0.001)

    def kill(self) -> None:
        """Kill everything in it, until it is empty."""
        _thaw(self.places.get("freezer"))
        deadline = time.monotonic() + 10
        while pids := self.pids():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)
            if time.monotonic() > deadline:
                raise BoxError(f"processes {sorted(pids)} in {self.path} do not end")
            time.sleep(0.005)

    def remove(self) -> None:
        """Kill what is left in it and remove it, with the groups below it."""
        self.kill()
        remove(self.path)


def _thaw(place: Path | None) -> None:
    """What is frozen does not end: cgroup-v1/freezer-subsystem.  Of v2 it does."""
    for below in tree(place) if place is not None else ():
        with suppress(OSError, BoxError):  # it may be gone meanwhile
            put(below / "freezer.state", "THAWED")


def put(file: Path, value: str) -> None:
    """Write to a control file.  Raises BoxError, with what the kernel says, where it refuses."""
    try:
        file.write_text(value, encoding="utf-8")
    except OSError as error:
        raise BoxError(f"the kernel refused {value!r} in {file}: {error.strerror}") from error


def _come_back(place: Path) -> None:
    """When the last group of ours is gone from a delegated one: as it was."""
    handed = text_of(place / "cgroup.subtree_control").split()
    (place / "cgroup.subtree_control").write_text(" ".join(f"-{name}" for name in handed), encoding="utf-8")
    move(place / ASIDE, place)
    (place / ASIDE).rmdir()


def move(start: Path, end: Path) -> None:
    """Every process of a group, and those that they start meanwhile."""
    deadline = time.monotonic() + 1
    while (pids := text_of(start / "cgroup.procs").split()) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                (end / "cgroup.procs").write_text(pid, encoding="utf-8")


def places_of(pid: int, identity: str, host: Host = LOCAL_HOST) -> dict[str, Path] | None:
    """Controller -> the directory of the container's group, from the /proc/PID/cgroup of `host`.

    None when `pid` is not the container's there: an engine puts the container's id in the name of its group
    (cgroupfs PARENT/ID and PARENT/libpod-ID, systemd docker-ID.scope), and a stranger's has not.
    """
    try:
        told = memberships(text_of(host.path(f"/proc/{pid}/cgroup")))
    except OSError:
        return None
    roots = hierarchies(host)
    found: dict[str, Path] = {}
    known = False
    for controllers, path in told:
        if identity not in path:
            continue
        known = True
        # A box that moved itself deeper is still held by the group that has the id.
        parts = Path(path.strip("/")).parts
        depth = next(index for index, part in enumerate(parts) if identity in part)
        for controller in controllers:
            place = roots[controller].joinpath(*parts[: depth + 1]) if controller in roots else None
            if place is not None and place.is_dir():
                found[controller] = place
    return found if known else None


def group_of_process(pid: int, host: Host = LOCAL_HOST) -> Group | None:
    """The group that `pid` is in, by the /proc/PID/cgroup of `host`, whoever made it; None where that is the root."""
    roots, found = hierarchies(host), {}
    for controllers, path in memberships(text_of(host.path(f"/proc/{pid}/cgroup"))):
        for controller in controllers:
            if controller in roots and path.strip("/") and ".." not in path:
                place = roots[controller] / path.strip("/")
                if place.is_dir():
                    found[controller] = place
    return group_at(found, host) if found else None


def group_at(places: dict[str, Path], host: Host = LOCAL_HOST) -> Group:
    """The group that `places` (controller -> directory) are; not empty."""
    controller, place = next(iter(places.items()))
    return Group(os.path.relpath(str(place), str(hierarchies(host)[controller])), places)


def remove(path: str) -> bool:
    """Remove the group `path` and all below it, on every hierarchy; returns whether it was there.

    Nothing is removed that is not in a group TOP, which goes with the last one in it.
    """
    found = False
    base, ours, _ = f"/{path}".partition(f"/{TOP}/")
    for controller, root in sorted(hierarchies().items(), key=lambda one: one[0] != "freezer"):
        place = root / path
        if ours and place.is_dir():
            found = True
            if controller == "freezer":
                _thaw(place)  # the first: a run may have been killed while a box was paused
            for below in reversed(tree(place)):
                _rmdir(below)
        given = root / base.strip("/")
        with suppress(OSError):  # other runs have groups in it
            (given / TOP).rmdir()
            if (given / ASIDE).is_dir():
                _come_back(given)
    return found


def _rmdir(place: Path) -> None:
    """A group whose last process has just died is busy for a moment."""
    for _ in range(200):
        try:
            place.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            with suppress(OSError):
                for pid in text_of(place / "cgroup.procs").split():
                    os.kill(int(pid), 9)
            time.sleep(0.01)
    raise BoxError(f"control group {place} is still in use")
