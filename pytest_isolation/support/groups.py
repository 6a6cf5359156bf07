"""Scratch control groups, made and used through the agent of the kernel that is tried."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent import shortcuts
from pytest_isolation.agent.shortcuts import AT_FDCWD
from pytest_isolation.support.trial import Absent, Refused, Trial, need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.support.kernel import Kernel

V1_NAME = {"io": "blkio"}
"""Where v1 and v2 have different names for a controller."""


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where control groups are mounted, and which controllers each tree offers."""

    v1: dict[str, str]
    v2: str | None
    offered: frozenset[str]
    """By the v2 tree, at its root."""


def hierarchies(kernel: Kernel) -> Hierarchies:
    v1: dict[str, str] = {}
    v2 = None
    for line in (kernel.text("/proc/self/mountinfo") or "").splitlines():
        fields, _, rest = line.partition(" - ")
        fstype, _, options = rest.split(" ", 2)
        point = fields.split()[4]
        if fstype == "cgroup2":
            v2 = v2 or point
        elif fstype == "cgroup":
            for word in options.split(","):
                v1.setdefault(word, point)
    words = kernel.text(f"{v2}/cgroup.controllers") if v2 else ""
    return Hierarchies(v1, v2, frozenset((words or "").split()))


@dataclass(frozen=True, slots=True)
class ScratchGroup:
    trial: Trial
    path: str
    v1: bool

    def file(self, v1: str, v2: str) -> str:
        return f"{self.path}/{v1 if self.v1 else v2}"

    def set(self, v1: str, v2: str, value: str) -> None:
        """Write to the file of whichever version this is.  Raises Refused."""
        self.trial.write(self.file(v1, v2), value)

    def get(self, v1: str, v2: str) -> str:
        return self.trial.read(self.file(v1, v2))

    def add(self, child: Proc) -> None:
        self.trial.write(f"{self.path}/cgroup.procs", str(child.pid))


def own_path(t: Trial, controller: str) -> str:
    """The group the trial's process is in."""
    for line in t.read("/proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if (not controller and not names) or (controller and controller in names.split(",")):
            return path.rstrip("/")
    return ""


@contextmanager
def group(t: Trial, controller: str) -> Iterator[ScratchGroup]:
    """A group with `controller` (v2's name; "" for any v2 group); raises Absent, Refused."""
    found = hierarchies(t.kernel)
    old = V1_NAME.get(controller, controller)
    if controller and old in found.v1:
        base, v1 = found.v1[old], True
    elif found.v2 is not None and (not controller or controller in found.offered):
        base, v1 = found.v2, False
    else:
        raise _absent(t.kernel, controller, old, found)
    path = base if t.as_ == "root" else base + own_path(t, old if v1 else "")
    made: list[str] = []
    try:
        for part in (*t.kernel.groups.split("/"), f"support-{controller or 'any'}"):
            if not v1 and controller:
                shortcuts.write(t.proc, f"{path}/cgroup.subtree_control", f"+{controller}".encode())
            path = f"{path}/{part}"
            if need(t.proc.mkdirat(AT_FDCWD, path, 0o755), 17).ok:
                made.append(path)
        yield ScratchGroup(t, path, v1)
    finally:
        for one in reversed(made):
            _remove(t, one)


def _remove(t: Trial, path: str) -> None:
    """A group is busy until its last process is reaped; what another run shares stays."""
    for _ in range(100):
        if t.proc.unlinkat(AT_FDCWD, path, 0x200).errno != 16:
            return
        if [
            name
            for name in shortcuts.listing(t.proc, path)
            if t.proc.faccessat(AT_FDCWD, f"{path}/{name}/cgroup.procs", os.F_OK).ok
        ]:
            return
        time.sleep(0.01)


def _absent(kernel: Kernel, controller: str, old: str, found: Hierarchies) -> Absent:
    for line in (kernel.text("/proc/cgroups") or "").splitlines():
        words = line.split()
        if words[0] == old and words[3] == "1":
            return Absent(
                f"the kernel has the controller {old}, and no tree offers it",
                f"mkdir /sys/fs/cgroup/{old} && mount -t cgroup -o {old} cgroup /sys/fs/cgroup/{old}",
            )
        if words[0] == old:
            return Absent(f"the controller {old} is switched off", "boot without cgroup_disable, or with cgroup_enable")
    if found.v2 is None and not found.v1:
        return Absent("no control groups are mounted", "mount -t cgroup2 none /sys/fs/cgroup")
    return Absent(f"no control group tree offers {controller}", f"a kernel with the controller {controller}")


__all__ = ["Refused", "ScratchGroup", "group", "hierarchies"]
