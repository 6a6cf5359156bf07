"""bubblewrap: what bwrap(1) makes of --unshare-all, with the agent as process 1.

It sets no limits and makes no control group: limits asked for are not applied, nothing here could.
Source: bwrap(1), README.md of containers/bubblewrap.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.handle import BoxHandle, Life
from pytest_isolation.boxes.life import as_shells_do
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import CONFIGURATION_LOSSES, IMAGE_LOSSES, Weakenings, drop, expose, lossy, share
from pytest_isolation.errors import Unsupported, UsageError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box, texts
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.capabilities import granted
from pytest_isolation.technologies.handed import handed_in
from pytest_isolation.technologies.lacking import Words, in_vain
from pytest_isolation.technologies.namespaces.user import check_user_namespaces
from pytest_isolation.technologies.opens import Opens, adds, as_root, by, each, folded, openable, removes, sets

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.lifetime import Lifetime

KINDS = ("user", "ipc", "pid", "net", "uts", "cgroup")
"""What --unshare-all unshares."""
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_NICE")
EXPOSED = ("/", "/tmp", "/run", "/sys/fs/cgroup", "/dev")


@dataclass(slots=True)
class Plan:
    """How a sound box is made."""

    unshared: list[str] = field(default_factory=lambda: list(KINDS))
    init: list[str] = field(default_factory=lambda: ["--as-pid-1"])
    clears: list[str] = field(default_factory=lambda: ["--clearenv"])
    devices: list[str] = field(default_factory=lambda: ["--dev", "/dev"])
    granted: list[str] = field(default_factory=list)
    read_only: bool = True
    closes: bool = True
    """Nothing that its caller has open is left open."""
    own_root: bool = True
    own_session: list[str] = field(default_factory=lambda: ["--new-session"])
    """Its caller's terminal is not its own."""
    dies: list[str] = field(default_factory=lambda: ["--die-with-parent"])
    """With whoever started it."""


OPENS: Opens = {
    **each(KINDS, share, lambda kind: removes("unshared", kind)),
    # For another user it is what lets him unshare the others.
    share("user"): removes("unshared", "user").where(as_root),
    # A capability over the host is one in the host's user namespace.
    **granted(lambda name: (adds("granted", name) & removes("unshared", "user")).where(as_root), GRANTED),
    drop("init"): sets("init", []),
    drop("reaper"): by(folded),
    drop("parent-death"): sets("dies", []),
    drop("read-only"): sets("read_only", False),
    drop("close-fds"): sets("closes", False),
    drop("private-root"): sets("own_root", False),
    drop("clear-env"): sets("clears", []) & by(launcher.environment),
    drop("clean-up"): by(launcher.new_groups).where(as_root),
    drop("fails-closed"): by(in_vain),
    drop("session"): sets("own_session", []),
    **each(IMAGE_LOSSES, lossy, by(launcher.new_root)),
    **each(CONFIGURATION_LOSSES, lossy, by(BoxSpec.delivered)),
    **handed_in(EXPOSED),
    expose("/dev"): sets("devices", ["--dev-bind", "/dev", "/dev"]),
}


LACKING: Words[list[str]] = {
    # The number is of a descriptor that it has not: the limit of open files is far below.
    "filter": lambda one: ["--seccomp", str(one.number)],
    "selinux": lambda one: ["--exec-label", f"system_u:system_r:{one.name}_t:s0"],
    "device": lambda one: ["--dev-bind", f"/dev/{one.name}", f"/dev/{one.name}"],
    # No user namespace: beside one of its own, bwrap refuses --userns for that, whatever the number is.
    "namespace": lambda one: ["--pidns", str(one.number)],
    "capability": lambda one: ["--cap-drop", f"CAP_{one.name.upper()}"],
}


class Bubblewrap:
    """bwrap(1)."""

    name = "bubblewrap"
    lacking = LACKING
    start_ms = 30
    doors = ("start",)
    keywords: Mapping[str, str] = {
        "arguments": "further arguments of bwrap, a list: --disable-userns+--unshare-user",
        "cap_add": "capabilities (capabilities(7), without CAP_) that root in the box keeps; the others it loses",
    }

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def check_available(self, spec: BoxSpec) -> None:
        launcher.check_image(spec)
        refuse_unknown_holes(self, spec)
        program.find("bwrap", "bubblewrap")
        if spec.network not in (None, "none", "host"):
            raise UsageError(f"network={spec.network}: bubblewrap has none (loopback only) or host; give one of those")
        if os.geteuid() != 0:
            check_user_namespaces()

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        said = program.version("bwrap", "bubblewrap")
        return {"version": said.rpartition(" ")[2], "user_namespace": _unshares(spec, "user")}

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        group = launcher.new_groups(spec, lifetime, Limits(), undo)
        programs = program.Programs(group, undo, spec.caller)
        start = _Start(spec, lifetime, programs.proc, undo)
        argv = [program.find("bwrap", "bubblewrap"), *start.arguments(), start.agent_path]
        pid = programs.start(argv, env=[], prepare=start.leak)
        agent = programs.hello("bwrap")
        undo.callback(agent.close)
        return BoxHandle(
            agent=agent,
            init_pid=program.last_descendant(pid),
            group=group,
            root=start.root,
            volumes=start.volumes,
            agent_path=start.agent_path,
            said=programs.said,
            life=Life(status=lambda: as_shells_do(programs.status(pid)), launcher=pid),
        )

    def clean(self, kind: str, handle: str) -> bool:
        return False


def _granted(spec: BoxSpec) -> list[str]:
    return sorted({*texts(spec, "cap_add"), *_plan(spec).granted})


def _plan(spec: BoxSpec) -> Plan:
    return folded(OPENS, Plan(), spec)


def _unshares(spec: BoxSpec, kind: str) -> bool:
    return kind in _plan(spec).unshared and not (kind == "net" and spec.network == "host")


class _Start(Building):
    """The arguments of one bwrap, and the directories it is given."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, proc: Proc, undo: ExitStack) -> None:
        super().__init__(spec, lifetime, undo)
        self.plan = _plan(spec)
        self.root = self.root_tree(proc, own=self.plan.own_root)
        self.spec = spec.delivered

    def arguments(self) -> list[str]:
        spec = self.spec
        found = [*self.plan.dies, *self.plan.own_session]
        found += [f"--unshare-{kind}" for kind in KINDS if _unshares(spec, kind)]
        if _unshares(spec, "pid"):
            found += self.plan.init
        if _unshares(spec, "uts"):
            found += ["--hostname", spec.hostname]
        found += self._identity()
        found += self.plan.clears
        for variable in launcher.environment(spec):
            name, _, value = variable.partition("=")
            found += ["--setenv", name, value]
        found += self._file_systems()
        found += in_vain(spec, LACKING) or []
        return [*found, *texts(spec, "arguments"), "--chdir", spec.workdir, "--"]

    def _identity(self) -> list[str]:
        spec = self.spec
        found: list[str] = []
        if _unshares(spec, "user"):
            found += ["--uid", str(spec.uid), "--gid", str(spec.gid)]
        elif spec.uid or spec.gid:
            raise Unsupported("bwrap takes a uid and a gid only with a user namespace of the box's own")
        if os.geteuid() == 0:
            found += ["--cap-drop", "ALL"]
        for name in _granted(spec):
            found += ["--cap-add", f"CAP_{name.removeprefix('CAP_')}"]
        return found

    def _file_systems(self) -> list[str]:
        spec = self.spec
        read_only = spec.read_only and self.plan.read_only
        found = ["--bind", os.fspath(self.root), "/"]
        found += self.plan.devices
        found += ["--proc", "/proc"]
        for path in ("/tmp", "/run") if spec.read_only else ():
            found += ["--perms", "1777", "--tmpfs", path]
        for one in self.handed_in():
            if one.target != "/dev":
                found += ["--dev-bind" if one.host == "/" else "--bind", one.host, one.target]
        for given in self.given_volumes(keeps_read_only=self.plan.read_only):
            found += ["--bind" if given.writable else "--ro-bind", os.fspath(given.directory), given.target]
        return [*found, "--remount-ro", "/"] if read_only else found

    def leak(self, child: Proc) -> list[int]:
        """With drop("close-fds"): a directory of the host, open on 3, which bwrap does not close."""
        return [] if self.plan.closes else program.leak(child, self.spec.caller)
