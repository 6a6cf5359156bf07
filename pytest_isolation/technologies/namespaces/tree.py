"""What the box sees below its root: /proc, /sys, /dev, its control group, its volumes, and the usual masks."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from glob import glob
from pathlib import Path

from pytest_isolation.agent.client import Proc, Program, Replies
from pytest_isolation.agent.constants import AT, AT_FDCWD, MS
from pytest_isolation.agent.memory import Step
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.resources import SHM
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.handed import Handed
from pytest_isolation.technologies.namespaces.holes import Plan

MOUNT_ATTR_RDONLY = 1  # mount_setattr(2)
MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
    "/sys/devices/virtual/powercap", *glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle"),
)  # fmt: skip
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
INERT = MS.NOSUID | MS.NODEV | MS.NOEXEC


class Tree:
    """mount(2) below the new root `root`, by `child`, which has a mount namespace of its own.

    `own` are the kinds of namespace that were made for the box, `joined` those it shares with a sibling;
    `volumes` are directories of the host by their targets.
    """

    def __init__(
        self,
        child: Proc,
        root: str,
        spec: BoxSpec,
        plan: Plan,
        own: frozenset[str],
        joined: frozenset[str],
        userns: bool,
    ) -> None:
        self.child, self.root, self.spec, self.plan = child, root, spec, plan
        self.own, self.joined, self.userns = own, joined, userns
        self._program = Program()
        """Calls that are to be made: some ninety for a box, and a round trip of each costs more than it does."""
        self._musts: list[tuple[Step, str]] = []
        """Those of them that may not be refused, and what each does."""

    def mount(self, volumes: Mapping[str, Path], handed: Sequence[Handed], *, group: bool) -> None:
        """All of it; `group`: the box has a control group of its own.  Raises BoxError."""
        spec = self.spec
        self._kernels_own()
        if not self.plan.own_devices:
            self._mount("/dev", "/dev", None, MS.BIND | MS.REC)
        else:
            self._mount("tmpfs", "/dev", "tmpfs", MS.NOSUID, "mode=755,size=64k")
            self._devices()
        if "cgroup" in self.own and group:
            self._control_groups()
        self._volumes(volumes)
        if self.plan.masks:
            self._masks()
        for path in ("/tmp", "/run") if spec.read_only else ():
            self._mount("tmpfs", path, "tmpfs", MS.NOSUID | MS.NODEV, "size=16m,mode=1777")
        for one in handed:
            if one.target != "/dev":
                self._hand_in(one)
        if spec.read_only and self.plan.read_only:
            self._mount(None, "/", None, MS.REMOUNT | MS.BIND | MS.RDONLY)
        self._made()

    def _hand_in(self, one: Handed) -> None:
        *above, _ = Path(one.target.lstrip("/")).parents
        for place in reversed(above):
            self._directory(f"/{place}")
        self._directory(one.target) if one.is_directory else self._file(one.target)
        self._mount(one.host, one.target, None, MS.BIND | MS.REC)

    def _kernels_own(self) -> None:
        """/proc and /sys: fresh ones where the namespaces they show are the box's, else the host's."""
        if not self.plan.proc_mounted:
            pass
        elif "pid" in self.own | self.joined:
            self._mount("proc", "/proc", "proc", INERT)
        else:
            self._mount("/proc", "/proc", None, MS.BIND | MS.REC)
        if "net" in self.own:
            fresh = self._try("sysfs", "/sys", "sysfs", INERT | MS.RDONLY)
            if not self._made()[fresh].ok:
                self._mount("/sys", "/sys", None, MS.BIND | MS.REC)
        else:
            self._mount("/sys", "/sys", None, MS.BIND)
            self._mount(None, "/sys", None, MS.REMOUNT | MS.BIND | MS.RDONLY | INERT)

    def _control_groups(self) -> None:
        """The tree of the box's own group, read-only."""
        flags = INERT | (MS.RDONLY if self.plan.cgroup_read_only else 0)
        if cgroups.mode() == "v2":
            self._try("cgroup2", "/sys/fs/cgroup", "cgroup2", flags)
            return
        self._mount("tmpfs", "/sys/fs/cgroup", "tmpfs", INERT, "mode=755,size=64k")
        for controller in cgroups.hierarchies():
            self._directory(f"/sys/fs/cgroup/{controller}")
            if controller == "unified":
                self._try("cgroup2", "/sys/fs/cgroup/unified", "cgroup2", flags)
            else:
                self._try("cgroup", f"/sys/fs/cgroup/{controller}", "cgroup", flags, _together(controller))
        self._mount(None, "/sys/fs/cgroup", None, MS.REMOUNT | MS.RDONLY | INERT)

    def _volumes(self, directories: Mapping[str, Path]) -> None:
        for volume in self.spec.volumes:
            target = volume.target
            made_for_it = volume.source is None
            if self.plan.volumes_alone or not made_for_it:
                self._mount(os.fspath(directories[target]), target, None, MS.BIND if made_for_it else MS.BIND | MS.REC)
            else:
                self._within_its_parent(target, directories[target])
            if volume.nested and made_for_it:
                self._mount("tmpfs", f"{target}/nested", "tmpfs", MS.NOSUID | MS.NODEV, "size=1m,mode=777")
            if volume.read_only and self.plan.read_only:
                path = f"{self.root}{target}"
                made = self._program.mount_setattr(AT_FDCWD, path, AT.RECURSIVE, set_=MOUNT_ATTR_RDONLY)
                self._musts.append((made, f"making {target} read-only"))

    def _within_its_parent(self, target: str, directory: Path) -> None:
        """The directory above it is mounted, and a link leads down to it: who shares a part of an export does so."""
        above = f"/above{target}"
        for place in ("/above", above):
            self._directory(place)
        self._mount(os.fspath(directory.parent), above, None, MS.BIND)
        self._program.unlinkat(AT_FDCWD, f"{self.root}{target}", AT.REMOVEDIR)
        linked = self._program.symlinkat(f"{above}/{directory.name}", AT_FDCWD, f"{self.root}{target}")
        self._musts.append((linked, f"a link to {target}"))

    def _devices(self) -> None:
        """The nodes every container has; bound from the host where mknod(2) is not for us."""
        names = [name for name in DEVICES if self.plan.fresh_random or name not in launcher.RANDOM]
        lacking = names if self.plan.true_devices else []
        if not self.plan.true_devices:
            for name in names:
                self._file(f"/dev/{name}")
        elif not self.userns:
            nodes = []
            for name in names:
                node, number = f"{self.root}/dev/{name}", os.stat(f"/dev/{name}").st_rdev
                nodes.append(self._program.mknodat(AT_FDCWD, node, 0o020666, number))
                self._program.fchmodat(AT_FDCWD, node, 0o666)
            replies = self._made()
            lacking = [name for name, node in zip(names, nodes, strict=True) if not replies[node].ok]
        for name in lacking:
            self._file(f"/dev/{name}")
            self._mount(f"/dev/{name}", f"/dev/{name}", None, MS.BIND)
        if not self.plan.fresh_random:
            launcher.same_random(self._program, f"{self.root}/dev")
        for name in ("pts", "shm", "mqueue"):
            self._directory(f"/dev/{name}")
        self._try("devpts", "/dev/pts", "devpts", MS.NOSUID | MS.NOEXEC, "newinstance,ptmxmode=0666,mode=620")
        self._program.symlinkat("pts/ptmx", AT_FDCWD, f"{self.root}/dev/ptmx")
        size = dict(launcher.limits_of(self.spec).resources).get(SHM, "64m")
        self._mount("tmpfs", "/dev/shm", "tmpfs", INERT, f"mode=1777,size={size}")
        self._try("mqueue", "/dev/mqueue", "mqueue", INERT)
        for link, target in launcher.DEV_LINKS.items():
            self._program.symlinkat(target, AT_FDCWD, f"{self.root}/dev/{link}")

    def _masks(self) -> None:
        asked = [(path, self._program.statx(AT_FDCWD, f"{self.root}{path}")) for path in (*MASKED, *READ_ONLY)]
        replies = self._made()
        found = {path: replies[step].data for path, step in asked if replies[step].ok}
        for path in filter(found.__contains__, MASKED):
            if struct.unpack_from("<H", found[path], 28)[0] & 0o170000 == 0o040000:
                self._mount("tmpfs", path, "tmpfs", MS.RDONLY, "size=0")
            else:
                self._mount(f"{self.root}/dev/null", path, None, MS.BIND)
        for path in filter(found.__contains__, READ_ONLY):
            self._mount(f"{self.root}{path}", path, None, MS.BIND | MS.REC)
            self._mount(None, path, None, MS.REMOUNT | MS.BIND | MS.RDONLY | INERT)

    # -- calls that are made together ----------------------------------------------------

    def _made(self) -> Replies:
        """Make the calls that are waiting.  Raises BoxError where one was refused that may not be."""
        replies, musts = self.child.run(self._program), self._musts
        self._program, self._musts = Program(), []
        for step, doing in musts:
            must(replies[step], doing)
        return replies

    def _mount(self, source: str | None, target: str, fstype: str | None, flags: int, data: str | None = None) -> None:
        made = self._program.mount(source, f"{self.root}{target}", fstype, flags, data)
        self._musts.append((made, f"mounting {target}"))

    def _try(self, source: str, target: str, fstype: str, flags: int, data: str | None = None) -> Step:
        return self._program.mount(source, f"{self.root}{target}", fstype, flags, data)

    def _directory(self, target: str) -> None:
        self._program.mkdirat(AT_FDCWD, f"{self.root}{target}", 0o755)

    def _file(self, target: str) -> None:
        fd = self._program.openat(AT_FDCWD, f"{self.root}{target}", os.O_CREAT | os.O_WRONLY, 0o644)
        self._program.close(fd)


def _together(controller: str) -> str:
    """cpu and cpuacct are often one hierarchy, and can only be mounted as that."""
    place = cgroups.hierarchies()[controller]
    return ",".join(sorted(name for name, at in cgroups.hierarchies().items() if at == place))
