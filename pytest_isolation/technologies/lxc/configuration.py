"""The configuration of one container: what LXC's templates include, then what the box spec changes.

Source: lxc.container.conf(5).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import Unsupported
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.apparmor import confines
from pytest_isolation.technologies.base import texts
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import limits_asked
from pytest_isolation.technologies.lxc import lacking
from pytest_isolation.technologies.lxc.holes import NAMESPACES, Plan, plan_of
from pytest_isolation.technologies.lxc.wording import WORDING
from pytest_isolation.technologies.wording import worded_lines

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.handed import Handed
    from pytest_isolation.technologies.lxc.ids import IdMap

INCLUDED = Path("/usr/share/lxc/config")
"""What LXC's templates include: common.conf, and userns.conf after it with an id map."""
LINE_ENDS = frozenset("\n\r")
"""To LXC: what comes after either is not read as the line's."""
NO_V1_KEYS = 7
"""The first LXC that refuses keys lxc.cgroup.CONTROLLER, of control groups v1."""
PERIOD_US = 100_000
LIMITS = {
    "memory": ("memory.limit_in_bytes", "memory.max"),
    "swap": ("memory.memsw.limit_in_bytes", "memory.swap.max"),
    "pids": ("pids.max", "pids.max"),
    "cpu": ("cpu.cfs_quota_us", "cpu.max"),
}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What lxc.container.conf(5) is made from."""

    spec: BoxSpec
    ids: IdMap | None
    root: Path
    agent: str
    """Its path in the box."""
    guard: str | None
    """The control group below which LXC makes its own; None: this user may make none."""
    version: str
    """LXC's: "7.0.0"."""
    volumes: Mapping[str, Path]
    handed: Sequence[Handed]

    @cached_property
    def plan(self) -> Plan:
        """The defences that stand, of a container with these holes."""
        return plan_of(self.spec)

    def text(self) -> bytes:
        """Raises Unsupported for what no line can say."""
        lines = list(self._lines())
        for line in lines:
            if not LINE_ENDS.isdisjoint(line):
                raise Unsupported(f"LXC reads its configuration line by line, and this is more than one: {line!r}")
        return os.fsencode("".join(f"{line}\n" for line in lines))

    def _lines(self) -> Iterator[str]:
        """In order: what comes later adds to what is included, or clears it."""
        spec = self.spec
        yield f"lxc.include = {INCLUDED}/common.conf"
        if self.ids is not None:
            yield f"lxc.include = {INCLUDED}/userns.conf"
            yield f"lxc.idmap = u 0 {self.ids.users} {self.ids.size}"
            yield f"lxc.idmap = g 0 {self.ids.groups} {self.ids.size}"
        # Standard input and output are the agent's channel.
        yield from ("lxc.console.path = none", "lxc.tty.max = 0")
        yield f"lxc.init.cmd = {self.agent}"
        if spec.stop_signal:
            yield f"lxc.signal.halt = {spec.stop_signal}"
        yield _line("lxc.rootfs.path", f"dir:{self.root}")
        options = [*mapped_option(self.ids), *(["ro"] if spec.read_only and self.plan.read_only else [])]
        if options:
            yield f"lxc.rootfs.options = {','.join(options)}"
        yield from self._identity()
        yield from self._namespaces()
        yield from self._mounts()
        if self.guard is not None:
            # LXC makes and removes these itself; it leaves the last one to us.
            yield f"lxc.cgroup.dir.container = {self.guard}/box"
            yield f"lxc.cgroup.dir.monitor = {self.guard}/monitor"
            yield f"lxc.cgroup.dir.monitor.pivot = {self.guard}/pivot"
            if sets_limits(self.version):
                yield from _limits(spec)
        yield from self._privileges()
        yield from texts(spec, "config")
        # After the user's own: of two that say the same the last is taken, and a box has what a check asks for.
        for one in limits_asked(spec):
            yield f"lxc.prlimit.{one.resource} = {one.soft}:{one.hard}"
        yield from worded_lines(spec, WORDING)
        yield from in_vain(spec, lacking.WORDS) or ()

    def _identity(self) -> Iterator[str]:
        delivered = self.spec.delivered
        yield f"lxc.init.uid = {delivered.uid}"
        yield f"lxc.init.gid = {delivered.gid}"
        yield _line("lxc.init.cwd", delivered.workdir)
        for variable in launcher.environment(self.spec):
            name, _, value = variable.partition("=")
            yield _line("lxc.environment", name if is_passed_on(value) else variable)

    def _namespaces(self) -> Iterator[str]:
        spec = self.spec
        if kept := [kind for kind in NAMESPACES if kind != "net" and kind in self.plan.shared]:
            # All that is not kept is made then: a user namespace without an id map, too.
            yield f"lxc.namespace.keep = {' '.join([*kept, 'time', *([] if self.ids else ['user'])])}"
        sibling, joined = spec.started_beside, []
        if sibling is not None:
            joined = [kind for kind in NAMESPACES if kind in self.plan.joined]
            # Only who is root in the user namespace that owns them may join them.
            for kind in [*(["user"] if joined and self.ids else []), *joined]:
                yield f"lxc.namespace.share.{kind} = {sibling.parts.init_pid}"
        if "uts" not in (*kept, *joined):
            yield f"lxc.uts.name = {spec.delivered.hostname}"
        if "net" not in joined:
            yield from self._network()

    def _network(self) -> Iterator[str]:
        spec = self.spec
        if self._in_host_network():
            yield "lxc.net.0.type = none"
        elif spec.network == "veth":
            yield "lxc.net.0.type = veth"
            yield f"lxc.net.0.link = {spec.option('bridge')}"
            yield "lxc.net.0.flags = up"
            if spec.option("address") is not None:
                yield f"lxc.net.0.ipv4.address = {spec.option('address')}"
        else:
            yield "lxc.net.0.type = empty"
            yield "lxc.net.0.flags = up"

    def _in_host_network(self) -> bool:
        return "net" in self.plan.shared or self.spec.network == "host"

    def _mounts(self) -> Iterator[str]:
        spec = self.spec
        yield from self._automatic()
        for path in ("/tmp", "/run"):
            if spec.read_only and not any(one.target == path for one in self.handed):
                yield _entry("tmpfs", path, "tmpfs", "nosuid", "nodev", "mode=1777", "size=16m")
        for one in self.handed:
            yield _entry(one.host, one.target, "none", "rbind", f"create={'dir' if one.is_directory else 'file'}")
        for volume in spec.volumes:
            options = ["ro"] if volume.read_only and self.plan.read_only else []
            source = self.volumes[volume.target]
            yield _entry(source, volume.target, "none", "rbind", *options, *mapped_option(self.ids))

    def _automatic(self) -> Iterator[str]:
        """What LXC mounts by itself, when that is not what its files say."""
        mapped, bare = self.ids is not None, not self.plan.masks
        found = {"proc": "proc:rw" if bare else "proc:mixed", "sys": "sys:rw" if bare or mapped else "sys:mixed"}
        # Of a namespace that is shared nothing can be mounted with an id map: the host's own is bound.
        bound = [
            name for name, shared in (("proc", "pid" in self.plan.shared), ("sys", self._in_host_network())) if shared
        ]
        bound = bound if mapped else []
        if bare or bound:
            yield "lxc.mount.auto ="
            yield from (f"lxc.mount.auto = {text}" for name, text in found.items() if name not in bound)
        yield from (_entry(f"/{name}", f"/{name}", "none", "rbind") for name in bound)
        yield from self.plan.mounted

    def _privileges(self) -> Iterator[str]:
        spec = self.spec
        granted = set(self.plan.granted)
        if spec.weakenings and confines():
            yield "lxc.apparmor.profile = unconfined"
        dropped = {name.removeprefix("CAP_").upper() for name in texts(spec, "cap_drop")}
        if self.ids is None and granted:
            # A list can be cleared as a whole only.
            yield "lxc.cap.drop ="
            dropped |= _dropped_by_default() - granted
        if dropped - granted:
            yield f"lxc.cap.drop = {' '.join(sorted(dropped - granted)).lower()}"
        yield from self.plan.privileges
        if not self.plan.few_devices:
            if takes_v1_keys(self.version):
                yield "lxc.cgroup.devices.allow = a"
            yield "lxc.cgroup2.devices.allow = a"


def takes_v1_keys(version: str) -> bool:
    """Whether LXC knows keys lxc.cgroup.CONTROLLER.…, of control groups v1."""
    major = version.partition(".")[0]
    return not major.isdigit() or int(major) < NO_V1_KEYS


def sets_limits(version: str) -> bool:
    """Whether LXC can be told the limits; else they are set from outside, on the group it makes."""
    return takes_v1_keys(version) or cgroups.mode() == "v2"


def mapped_option(ids: IdMap | None) -> list[str]:
    """The mount option that shows the host's ids as the box's; a user's own files need none, and may have none."""
    return ["idmap=container"] if ids is not None and os.geteuid() == 0 else []


def _entry(source: Path | str, target: str, fstype: str, *options: str) -> str:
    """A line of fstab(5), the target below the box's root."""
    words = [_escaped(os.fspath(source)), _escaped(target.lstrip("/")), fstype, ",".join(options)]
    return f"lxc.mount.entry = {' '.join(words)} 0 0"


def _escaped(word: str) -> str:
    return re.sub(r"[\\ \t\n]", lambda found: f"\\{ord(found[0]):03o}", word)


def _line(key: str, value: str) -> str:
    """Quoted, when LXC would else take something off its ends."""
    return f'{key} = "{value}"' if value != value.strip() or value[:1] in ("'", '"') else f"{key} = {value}"


def is_passed_on(value: str) -> bool:
    """Whether a variable's value is none for a line, so that it comes by LXC's own environment."""
    return not LINE_ENDS.isdisjoint(value) or not value


def _limits(spec: BoxSpec) -> Iterator[str]:
    limits = launcher.limits_of(spec)
    mounted = cgroups.hierarchies()
    if limits.memory is not None:
        yield _limit("memory", str(limits.memory), str(limits.memory))
        if "memory" not in mounted or (mounted["memory"] / LIMITS["swap"][0]).exists():
            yield _limit("swap", str(limits.memory), "0")
    if limits.pids is not None:
        yield _limit("pids", str(limits.pids), str(limits.pids))
    if limits.cpus is not None:
        quota = max(1000, int(limits.cpus * PERIOD_US))
        if "cpu" in mounted:
            yield f"lxc.cgroup.cpu.cfs_period_us = {PERIOD_US}"
        yield _limit("cpu", str(quota), f"{quota} {PERIOD_US}")


def _limit(what: str, v1: str, v2: str) -> str:
    names = LIMITS[what]
    if names[0].partition(".")[0] in cgroups.hierarchies():
        return f"lxc.cgroup.{names[0]} = {v1}"
    return f"lxc.cgroup2.{names[1]} = {v2}"


def _dropped_by_default() -> set[str]:
    """The capabilities common.conf takes away."""
    lines = text_of(INCLUDED / "common.conf").splitlines()
    found = [line.partition("=")[2].split() for line in lines if re.match(r"\s*lxc\.cap\.drop\s*=", line)]
    return {word.upper() for words in found for word in words}
