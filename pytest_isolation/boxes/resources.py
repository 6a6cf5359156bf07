"""Limits besides those on memory, processes and processor time: places, weights, swap, disks; words of RESOURCES.

Each is a text: processors and memory nodes as cpuset(7) lists them, weights as numbers of version 1, sizes in bytes, a
limit on a disk as MAJOR:MINOR NUMBER.  Sources: kernel Documentation/admin-guide/cgroup-v1/cpusets.rst, memory.rst,
blkio-controller.rst, cgroup-v2.rst; scheduler/sched-design-CFS.rst (cpu.shares).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.cgroups import Group, put
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.weakenings import RESOURCES
from pytest_isolation.errors import BoxError

(
    PROCESSORS, WEIGHT, SWAP, RESERVATION, SWAPPINESS, OOM_KILL, OOM_SCORE, DISK_WEIGHT,
    READ_BYTES, WRITE_BYTES, READS, WRITES, PARENT, SHM,
) = RESOURCES  # fmt: skip

FILES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    PROCESSORS: (("cpuset", "cpuset.cpus", "cpuset.cpus"),),
    WEIGHT: (("cpu", "cpu.shares", "cpu.weight"),),
    SWAP: (("memory", "memory.memsw.limit_in_bytes", "memory.swap.max"),),
    RESERVATION: (("memory", "memory.soft_limit_in_bytes", "memory.low"),),
    SWAPPINESS: (("memory", "memory.swappiness", ""),),
    OOM_KILL: (("memory", "memory.oom_control", ""),),
    DISK_WEIGHT: (("blkio", "blkio.weight", "io.weight"), ("blkio", "blkio.bfq.weight", "io.bfq.weight")),
    READ_BYTES: (("blkio", "blkio.throttle.read_bps_device", "io.max"),),
    WRITE_BYTES: (("blkio", "blkio.throttle.write_bps_device", "io.max"),),
    READS: (("blkio", "blkio.throttle.read_iops_device", "io.max"),),
    WRITES: (("blkio", "blkio.throttle.write_iops_device", "io.max"),),
}
"""Name -> controller, file of version 1, file of version 2 ("": it has none), for each place that may have it."""
OF_IO_MAX = {READ_BYTES: "rbps", WRITE_BYTES: "wbps", READS: "riops", WRITES: "wiops"}
"""The key of each in io.max."""
OTHERS = (PARENT, SHM, OOM_SCORE)
"""In no file of the group: where it lies, the size of /dev/shm in bytes, and /proc/PID/oom_score_adj."""


def checked(value: Any) -> tuple[tuple[str, str], ...]:
    """Of a guarantee's `box=`: {name: text}, or as BoxSpec has it, which may be none.  Raises ValueError."""
    pairs = dict(value) if isinstance(value, Mapping | tuple) else {"": ""}
    if not all(name in RESOURCES and isinstance(text, str) for name, text in pairs.items()):
        raise ValueError(f"is {value!r}; expected texts by one of the names {', '.join(RESOURCES)}")
    return tuple(sorted(pairs.items()))


def files(group: Group, name: str) -> list[Path]:
    """The files of `group` that may have the limit `name`, and are there."""
    return there(group, FILES[name])


def there(group: Group, places: Iterable[tuple[str, str, str]]) -> list[Path]:
    """Of `places`, as FILES has them, the files that `group` has."""
    found = [group.file(*one) for one in places]
    return [file for file in found if file is not None and file.is_file()]


def shm_size(mountinfo: str) -> int | None:
    """The size of /dev/shm in bytes, by a process's mountinfo; None where it is no tmpfs with a size."""
    found = None
    for mount in parse(mountinfo):
        if mount.point == "/dev/shm":
            size = re.search(r"\bsize=([0-9]+)k\b", mount.options)
            found = int(size[1]) * 1024 if size else None  # the last is above the others
    return found


def put_into(group: Group, name: str, text: str) -> None:
    """Write a limit into the group's file.  Raises BoxError where there is none, or the kernel refuses."""
    if name in OTHERS:
        return  # whoever starts the box gives it that
    there = files(group, name)
    if not there:
        raise BoxError(f"{name}={text} was asked for, and no file of the control group {group.path} has it")
    if there[0].name == "io.max":
        disk, _, number = text.partition(" ")
        text = f"{disk} {OF_IO_MAX[name]}={number}"
    put(there[0], text)
