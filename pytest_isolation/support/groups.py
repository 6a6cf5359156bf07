"""Scratch control groups, made and used through the agent of the kernel that is tried."""

from __future__ import annotations

import errno
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent import shortcuts
from pytest_isolation.agent.constants import AT, AT_FDCWD, CLONE, DT
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.host import RemoteHost
from pytest_isolation.boxes.mount_table import parse, visible
from pytest_isolation.support.feature import RUN_AS_ROOT
from pytest_isolation.support.trial import ROOM, Absent, Refused, Trial, need, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.support.kernel import Kernel

DELEGATION = f"run in a group that is this user's: systemd-run --user --scope -p Delegate=yes COMMAND; or {RUN_AS_ROOT}"
ROOTS_V1 = f"{RUN_AS_ROOT}; or boot with systemd.unified_cgroup_hierarchy=1: a group of version 2 can be a user's"
HANDED_TO_USERS = (
    "let systemd hand it to users: systemctl edit user@.service, [Service] Delegate=cpu cpuset io memory pids"
)
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
    """As the kernel shows them: cgroups(7)."""
    v1: dict[str, str] = {}
    v2 = None
    for mount in visible(parse(kernel.text("/proc/self/mountinfo") or "")):
        if mount.fstype == "cgroup2":
            v2 = v2 or mount.point
        elif mount.fstype == "cgroup":
            for word in mount.options.split(","):
                v1.setdefault(word, mount.point)
    words = kernel.text(f"{v2}/cgroup.controllers") if v2 else ""
    return Hierarchies(v1, v2, frozenset((words or "").split()))


@dataclass(frozen=True, slots=True)
class ScratchGroup:
    """A control group of the trial's own."""

    trial: Trial
    path: str
    v1: bool

    def file(self, v1: str, v2: str) -> str:
        """The path of the control file, by its name in either version."""
        return f"{self.path}/{v1 if self.v1 else v2}"

    def set(self, v1: str, v2: str, value: str) -> None:
        """Write to the file of whichever version this is.  Raises Refused."""
        self.trial.write(self.file(v1, v2), value)

    def get(self, v1: str, v2: str) -> str:
        """Read the file of whichever version this is.  Raises Refused."""
        return self.trial.read(self.file(v1, v2))

    def add(self, child: Proc) -> None:
        """Move `child` in.  Raises Refused."""
        self.trial.write(f"{self.path}/cgroup.procs", str(child.pid))


def own_path(t: Trial, controller: str) -> str:
    """The group the trial's process is in."""
    for controllers, path in cgroups.memberships(t.read("/proc/self/cgroup")):
        if (controller or "unified") in controllers:
            return path.rstrip("/")
    return ""


@contextmanager
def old_tree(t: Trial, controller: str) -> Iterator[str]:
    """Where the tree of version 1 of `controller` (v1's name) is: the system's, or one made for the trial.

    One is made only on a kernel that is ours alone: there the controller leaves the v2 tree for as long.
    Raises Absent, Refused.
    """
    found = hierarchies(t.kernel)
    if controller in found.v1:
        yield found.v1[controller]
        return
    if not t.kernel.ours:
        raise _absent(t.kernel, controller, controller, found)
    t.own(CLONE.NEWNS)
    modern = next((new for new, old in V1_NAME.items() if old == controller), controller)
    answers: list[Reply] = []

    def mounted() -> bool:
        answers.append(t.proc.mount("none", ROOM, "cgroup", 0, controller))
        return answers[-1].errno != errno.EBUSY

    wait_until(mounted)
    need(answers[-1])
    try:
        yield ROOM
    finally:
        t.proc.umount2(ROOM, 0)
        if modern in found.offered:
            wait_until(lambda: modern in t.read(f"{found.v2}/cgroup.controllers").split())


@contextmanager
def group(t: Trial, controller: str, *, v1: bool = False) -> Iterator[ScratchGroup]:
    """A group with `controller` (v2's name; "" for any v2 group), `v1`: of version 1 alone; raises Absent, Refused."""
    found = hierarchies(t.kernel)
    old = V1_NAME.get(controller, controller)
    modern = found.v2 is not None and (not controller or controller in found.offered)
    v1 = v1 or (bool(controller) and (old in found.v1 or not modern))
    if not v1 and found.v2 is None:
        raise _absent(t.kernel, controller, old, found)
    made: list[str] = []
    with ExitStack() as handed, ExitStack() as undo:
        refused: Reply | None = None
        base = undo.enter_context(old_tree(t, old)) if v1 else str(found.v2)
        path = base if t.as_ == "root" else base + own_path(t, old if v1 else "")
        undo.callback(_remove, t, made)
        for part in (*t.kernel.groups.split("/"), f"support-{controller or 'any'}"):
            if not v1 and controller:
                answer = _hand_down(t, path, controller, handed)
                refused = refused or (None if answer.ok else answer)
            path = f"{path}/{part}"
            answer = t.proc.mkdirat(AT_FDCWD, path, 0o755)
            if answer.ok:
                made.append(path)
            elif answer.errno != errno.EEXIST:
                raise Refused(answer, ROOTS_V1 if v1 else DELEGATION)
        if not v1 and controller and controller not in t.read(f"{path}/cgroup.controllers").split():
            raise Absent(f"the groups below are not given {controller}: {refused}", HANDED_TO_USERS)
        yield ScratchGroup(t, path, v1)


def _hand_down(t: Trial, path: str, controller: str, undo: ExitStack) -> Reply:
    """Have the groups below `path` get `controller`; `undo` puts that back as it was."""
    file = f"{path}/cgroup.subtree_control"
    before = shortcuts.read(t.proc, file)
    if controller in before.data.decode().split():
        return before
    if t.exists(f"{path}/cgroup.type") and shortcuts.read(t.proc, f"{path}/cgroup.procs").data:  # the root has no type
        _stand_aside(t, path, undo)
    answer = shortcuts.write(t.proc, file, f"+{controller}".encode())
    if not answer.ok:
        return answer
    there = set(_below(t, path))

    def put_back() -> None:
        # Who made a group meanwhile may count on the controller: it stays.
        if not set(_below(t, path)) - there:
            shortcuts.write(t.proc, file, f"-{controller}".encode())

    undo.callback(put_back)
    return answer


def _stand_aside(t: Trial, path: str, undo: ExitStack) -> None:
    """A group with processes in it hands nothing down (man:cgroups(7)): they wait in one below."""
    aside = f"{path}/support-aside"
    if not t.proc.mkdirat(AT_FDCWD, aside, 0o755).ok:
        return
    undo.callback(_remove, t, [aside])
    undo.callback(_move, t, aside, path)
    _move(t, path, aside)


def _move(t: Trial, start: str, end: str) -> None:
    there = RemoteHost(t.proc)
    with suppress(OSError):  # what stays is found out by what the group then refuses
        cgroups.move(there.path(start), there.path(end))


def _below(t: Trial, path: str) -> list[str]:
    return [name for name, kind in shortcuts.entries(t.proc, path) if kind == DT.DIR]


def _remove(t: Trial, made: list[str]) -> None:
    """A group is busy until its last process is reaped; what another run shares stays."""
    for path in reversed(made):
        for _ in range(100):
            if t.proc.unlinkat(AT_FDCWD, path, AT.REMOVEDIR).errno != errno.EBUSY:
                break
            if any(t.exists(f"{path}/{name}/cgroup.procs") for name in shortcuts.listing(t.proc, path)):
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


__all__ = ["Refused", "ScratchGroup", "group", "hierarchies", "old_tree"]
