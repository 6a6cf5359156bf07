"""What a box costs its host: processes, their memory, the kernel's memory for its group, and room on disk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pytest_isolation.boxes.cgroups import Group
from pytest_isolation.boxes.lifetime import Lifetime, mount_points
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.outside.box import Box

MIB = 1 << 20
Known = tuple[int, float]
"""A process: its number and the time of its start."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A process of the host beside us; `pss`: bytes, shared pages by their share; None where we may not look."""

    name: str
    pss: int | None


def processes() -> set[Known]:
    """Every process there is, our own left out."""
    own = os.getpid()
    return {(one.pid, one.create_time()) for one in psutil.process_iter(["create_time"]) if one.pid != own}


def looked_at(known: Iterable[Known]) -> dict[Known, Seen]:
    """Those of `known` that are still there."""
    found = {}
    for pid, started in known:
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            one = psutil.Process(pid)
            if one.create_time() != started or one.status() == psutil.STATUS_ZOMBIE:
                continue
            try:
                pss = int(one.memory_full_info().pss)
            except psutil.AccessDenied:
                pss = None
            found[pid, started] = Seen(_name(one), pss)
    return found


def _name(process: psutil.Process) -> str:
    """What it calls itself where it was started as /proc/self/exe, as runsc starts its parts."""
    name = process.name()
    if name == "exe" and (line := process.cmdline()):
        return os.path.basename(line[0])
    return name


def of_box(came: Iterable[Known], box: Box) -> set[Known]:
    """Of processes that came while a box was started, those that are its.

    They descend from us, or are in its control group, or name it in their command line; and whatever of `came` is an
    ancestor (a container's shim) or a descendant of one of these.  All else is somebody else's.
    """
    parents: dict[int, int] = {}
    found: dict[int, Known] = {}
    names = [name for name in (box.parts.id, box.parts.name) if name]
    members = (box.parts.group.pids() if box.parts.group is not None else set()) | {box.parts.init_pid}
    ours: set[int] = set()
    for pid, started in came:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            one = psutil.Process(pid)
            parents[pid] = one.ppid()
            found[pid] = pid, started
            line = " ".join(one.cmdline())
            if pid in members or any(name in line for name in names) or os.getpid() in map(_number, one.parents()):
                ours.add(pid)
    for pid in list(ours):
        while (pid := parents.get(pid, 0)) in found:
            ours.add(pid)
    while more := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
        ours |= more
    return {found[pid] for pid in ours}


def _number(process: psutil.Process) -> int:
    return process.pid


def named(names: Iterable[str]) -> dict[Known, Seen]:
    """Processes of the host that are called so."""
    wanted = set(names)
    return looked_at(
        (one.pid, one.create_time()) for one in psutil.process_iter(["name", "create_time"]) if one.name() in wanted
    )


def kernel_bytes(group: Group) -> int | None:
    """The kernel's own memory that is charged to the group; None where nothing counts it.

    Sources: cgroup-v1/memory.rst (memory.kmem.usage_in_bytes), cgroup-v2.rst (memory.stat: kernel, since Linux 5.18).
    """
    file = group.file("memory", "memory.kmem.usage_in_bytes", "memory.stat")
    if file is None or not file.exists():
        return None
    text = text_of(file)
    if file.name != "memory.stat":
        return int(text)
    found = re.search(r"^kernel (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else None


# -- room on disk ----------------------------------------------------------------------


def room(*places: Path) -> int:
    """Bytes that `places` and what is below them take on disk, a file with several names once; no mount is crossed."""
    total, seen = 0, set()
    mounted = set(mount_points())
    waiting = [place for place in places if os.path.lexists(place)]
    while waiting:
        place = waiting.pop()
        try:
            found = place.lstat()
            below = list(place.iterdir()) if place.is_dir() and not place.is_symlink() else []
        except OSError:
            continue  # it went meanwhile
        if (found.st_dev, found.st_ino) not in seen:
            seen.add((found.st_dev, found.st_ino))
            total += found.st_blocks * 512
        waiting += [one for one in below if os.fspath(one) not in mounted]
    return total


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes; a text says why there is no such figure."""

    image: int | str
    layer: int | str
    box: int | str


def disk(box: Box, lifetime: Lifetime, before: int) -> Disk:
    """`before`: what the run's own directory took before the box was started."""
    files = box.parts.image_files
    grown = max(0, room(lifetime.directory) - before)
    if box.spec.technology in ("host", "cgroup"):
        none = "it has no root of its own: it is a process on the host's"
        return Disk(none, none, none)
    layers = overlay(box)
    if layers is not None:
        own = [layers.upper, *layers.records(box.parts.id)]
        return Disk(room(*layers.lower), room(layers.upper), room(*own) + grown)
    if files:
        return Disk(room(*files), "its root is in the memory of the machine", grown)
    copied = "it has no layer: its root is a copy of the image, which counts as its own"
    root = box.parts.root
    if root is None or root == Path("/"):
        return Disk("its image is not a path of this host", copied, grown)
    return Disk(room(root), copied, grown)


@dataclass(frozen=True, slots=True)
class Overlay:
    """Directories of an overlay file system, kernel overlayfs.rst."""

    upper: Path
    lower: tuple[Path, ...]

    def records(self, id: str) -> Iterator[Path]:
        """Directories in which the engine keeps its record of the container `id` (moby, containers/storage)."""
        for parent in self.upper.parents if id else ():
            yield from filter(Path.exists, (parent / "containers" / id, parent / "overlay-containers" / id))


def overlay(box: Box) -> Overlay | None:
    """Of the root of the box's first process, as the host's mount table has it; None where it is none."""
    pid = box.parts.init_pid
    if pid is None:
        return None
    with suppress(OSError):
        for mount in parse(text_of(Path(f"/proc/{pid}/mountinfo"))):
            if mount.point != "/" or mount.fstype != "overlay":
                continue
            given = dict(one.partition("=")[::2] for one in mount.options.split(","))
            if "upperdir" not in given:
                return None
            upper = Path(given["upperdir"])
            lower = [Path(one) for one in given.get("lowerdir", "").split(":")]
            # moby writes them relative to its directory, as overlay2/l/LINK; a container's own -init layer is no image.
            top = upper.parent.parent
            found = tuple((one if one.is_absolute() else top / one).resolve() for one in lower)
            return Overlay(upper, tuple(one for one in found if not one.parent.name.endswith("-init")))
    return None
