"""The process that is attached to: what the host's /proc says of it.  Nothing here touches it.

Sources: proc_pid_status(5), proc_pid_cgroup(5), namespaces(7).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.lifetime import started
from pytest_isolation.boxes.procfs import status_of, text_of
from pytest_isolation.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
KTHREADD = 2
SECCOMP_MODE_STRICT = "1"


def status(pid: int) -> dict[str, str]:
    """The fields of /proc/PID/status.  Raises OSError."""
    return status_of(Path(f"/proc/{pid}"))


def namespaces(pid: int) -> dict[str, str]:
    """Kind -> the namespace's name, `pid:[4026531836]`.  Raises OSError."""
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in KINDS if os.path.lexists(f"/proc/{pid}/ns/{kind}")}


@dataclass(frozen=True, slots=True)
class Target:
    """The process by which a box is attached to."""

    pid: int
    start: int
    """Tells it from a later process of the same number."""
    status: dict[str, str]
    namespaces: dict[str, str]

    @property
    def place(self) -> Path:
        """Of the process in /proc."""
        return Path(f"/proc/{self.pid}")

    @property
    def name(self) -> str:
        """Of its program, at most 15 characters."""
        return self.status["Name"]

    def own_namespaces(self) -> set[str]:
        """The kinds in which it is not with us."""
        ours = namespaces(os.getpid())
        return {kind for kind, name in self.namespaces.items() if ours.get(kind) != name}

    def is_still_there(self) -> bool:
        """Whether the number is still this process's."""
        return started(self.pid) == self.start

    def groups(self) -> dict[str, Path]:
        """Controller -> the directory of its control group, as this host mounts it.  Raises Unavailable."""
        roots, found = cgroups.hierarchies(), {}
        for controllers, path in cgroups.memberships(text_of(self.place / "cgroup")):
            for controller in controllers:
                if controller in roots:
                    found[controller] = roots[controller] / path.strip("/")
        return found

    def group(self) -> cgroups.Group | None:
        """The control group that holds it; None where that is the root, which holds all."""
        roots = cgroups.hierarchies()
        own = {name: place for name, place in self.groups().items() if place != roots[name] and place.is_dir()}
        return cgroups.group_at(own) if own else None


def find(spec: BoxSpec) -> Target:
    """The process that `spec` names.  Raises UsageError for what is no number, Unavailable with what to do."""
    asked = spec.option("pid")
    if asked is None:
        raise Unavailable("no process was given", "give the pid of one in the box: --box attach:pid=PID")
    if not (isinstance(asked, str | int) and str(asked).isascii() and str(asked).isdigit() and int(asked) > 0):
        raise UsageError(f"attach: pid={asked}: expected the number of a process, as `ps` on this host shows it")
    if os.geteuid() != 0:
        raise Unavailable("joining the box of a process is for root", "run pytest as root")
    pid = int(asked)
    start = started(pid)
    try:
        fields = status(pid)
    except OSError:
        raise Unavailable(f"there is no process {pid} on this host", "`ps -e` shows those there are") from None
    if start is None:
        raise Unavailable(
            f"process {pid} ({fields['Name']}) is a zombie: it has ended", "give the pid of a process that runs"
        )
    if fields["Tgid"] != str(pid):
        raise Unavailable(f"{pid} is a thread of process {fields['Tgid']}", f"give pid={fields['Tgid']}")
    if fields.get("Kthread") == "1" or pid == KTHREADD or fields["PPid"] == str(KTHREADD):
        raise Unavailable(f"process {pid} ({fields['Name']}) is a thread of the kernel, in no box", "give another")
    if fields.get("Seccomp") == SECCOMP_MODE_STRICT:
        raise Unavailable(
            f"process {pid} ({fields['Name']}) is in seccomp's strict mode: read, write and exit are all it may do, "
            "and nothing can be asked in a box that is like that",
            "give another process of the box",
        )
    try:
        found = Target(pid, start, fields, namespaces(pid))
    except FileNotFoundError:
        raise Unavailable(f"process {pid} ({fields['Name']}) has ended, or is about to", "give another") from None
    except OSError as error:
        raise Unavailable(
            f"the namespaces of process {pid} ({fields['Name']}) cannot be read: {error.strerror}",
            "run pytest as root of the host, with CAP_SYS_PTRACE",
        ) from None
    if frozen := _frozen(found):
        raise Unavailable(f"process {pid} ({found.name}) is frozen, by {frozen}: nothing runs beside it", "thaw it")
    return found


def _frozen(found: Target) -> Path | None:
    """The control file that says so: cgroup-v1/freezer-subsystem, cgroup-v2 (cgroup.events)."""
    groups = found.groups()
    for controller, file, word in (("freezer", "freezer.state", "THAWED"), ("unified", "cgroup.events", "frozen 0")):
        place = groups[controller] / file if controller in groups else None
        if place is not None and place.exists() and word not in text_of(place):
            return place
    return None
