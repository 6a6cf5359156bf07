"""systemd-nspawn: a container without a registered machine, in the control group it is started in.

By default it has the host's network and no user namespace; both are keywords.  It sets no limits here:
those are properties of the scope unit that --keep-unit does without.
Sources: systemd-nspawn(1), systemd's docs/ENVIRONMENT.md.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.handle import BoxHandle, Life
from pytest_isolation.boxes.life import as_shells_do
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import IMAGE_LOSSES, Weakenings, drop, lossy, share
from pytest_isolation.boxes.wording import RLIMITS
from pytest_isolation.errors import NOT_ROOT, Unavailable, Unsupported, UsageError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import lacking, launcher, program
from pytest_isolation.technologies.base import flag, refuse_unknown_holes, start_box, texts
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.capabilities import FILTERED, granted
from pytest_isolation.technologies.handed import handed_in
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import ALL, limits_asked
from pytest_isolation.technologies.opens import Opener, Opens, adds, by, each, folded, openable, sets
from pytest_isolation.technologies.wording import Words, lossy_words, worded_lines

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.lifetime import Lifetime

STATE = Path("/run/systemd/nspawn/propagate")
"""Where nspawn makes a directory for each machine; it removes it when it ends by itself."""
UNIFIED_ONLY = 258
"""The first systemd that refuses control groups of version 1 (its NEWS)."""
EXPOSED = ("/", "/tmp")
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "SYS_TIME", "SYS_NICE")
UNSEEN = ("identity", "modes")
"""Losses that another user than root would see, which no box here has."""


@dataclass(slots=True)
class Plan:
    """How a sound box is made."""

    variables: list[str] = field(default_factory=list)
    """Of nspawn's own environment: docs/ENVIRONMENT.md."""
    init: list[str] = field(default_factory=list)
    own_network: bool = True
    own_name: bool = True
    read_only: bool = True
    own_root: bool = True
    granted: list[str] = field(default_factory=list)


def _variable(text: str) -> Opener:
    return adds("variables", text)


def _rlimit(name: str) -> Callable[[str], list[str]]:
    return lambda text: [f"--rlimit={name.upper()}={text}"]


WORDING: Words[list[str]] = {
    "oom-score-adj": lambda text: [f"--oom-score-adjust={text}"],
    "cpuset-cpus": lambda text: [f"--cpu-affinity={text}"],
    **{name: _rlimit(name) for name in RLIMITS},
}
"""Limits of groups are properties of the scope unit that --keep-unit does without."""


OPENS: Opens = {
    share("pid"): _variable("SYSTEMD_NSPAWN_SHARE_NS_PID=1"),
    share("ipc"): _variable("SYSTEMD_NSPAWN_SHARE_NS_IPC=1"),
    share("uts"): _variable("SYSTEMD_NSPAWN_SHARE_NS_UTS=1") & sets("own_name", False),
    share("net"): sets("own_network", False),
    drop("seccomp"): _variable("SYSTEMD_SECCOMP=0"),
    drop("masks"): _variable("SYSTEMD_NSPAWN_API_VFS_WRITABLE=1"),
    drop("init"): adds("init", "--as-pid2"),
    drop("reaper"): by(folded),
    drop("read-only"): sets("read_only", False),
    drop("private-root"): sets("own_root", False),
    drop("clean-up"): by(launcher.new_groups),
    drop("fails-closed"): by(in_vain),
    drop("process-limits"): by(limits_asked),
    **granted(lambda name: adds("granted", name), GRANTED, filtered=FILTERED),
    **each([one for one in IMAGE_LOSSES if one not in UNSEEN], lossy, by(launcher.new_root)),
    lossy("environment"): by(launcher.environment),
    lossy("workdir"): by(BoxSpec.delivered),
    **lossy_words(WORDING, by(worded_lines)),
    **handed_in(EXPOSED),
}


LACKING: lacking.Words[list[str]] = {
    "filter": lambda one: [f"--system-call-filter=~@{one.name}"],
    "selinux": lambda one: [f"--selinux-context=system_u:system_r:{one.name}_t:s0"],
    "user": lambda one: [f"--user={one.name}"],
    "device": lambda one: [f"--bind=/dev/{one.name}"],
    "rlimit": lambda one: [f"--rlimit=NOFILE={one.number}"],
    "processors": lambda one: [f"--cpu-affinity={one.number}"],
    "network": lambda one: [f"--network-bridge={one.name}"],
    "namespace": lambda one: [f"--network-namespace-path=/run/netns/{one.name}"],
    "capability": lambda one: [f"--drop-capability=CAP_{one.name.upper()}"],
}


class Nspawn:
    """systemd-nspawn(1)."""

    name = "nspawn"
    lacking = LACKING
    limits_known = ALL
    wording = WORDING
    start_ms = 90
    doors = ("start",)
    keywords: Mapping[str, str] = {
        "private_network": "true: a network namespace with loopback only, as network=none gives",
        "private_users": "a user namespace: pick, identity, yes, or UIDBASE:NUIDS (default: no)",
        "capability": "capabilities (capabilities(7)) beside the default ones, a list",
        "drop_capability": "default capabilities that are taken away, a list",
    }

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def check_available(self, spec: BoxSpec) -> None:
        launcher.check_image(spec)
        refuse_unknown_holes(self, spec)
        program.find("systemd-nspawn", "systemd-container")
        if os.geteuid() != 0:
            raise Unavailable("systemd-nspawn is for root", cause=NOT_ROOT)
        check_control_groups(program.version("systemd-nspawn", "systemd-container"), cgroups.mode())
        _own_network(spec)
        users = str(spec.option("private_users", "no"))
        if not re.fullmatch(r"no|yes|pick|identity|[0-9]+(:[0-9]+)?", users):
            raise UsageError(f"private_users={users}: expected no, yes, pick, identity or UIDBASE:NUIDS")
        if spec.uid or spec.gid:
            raise Unsupported("systemd-nspawn --user looks a user up with programs of the image; leave uid and gid out")

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        said = program.version("systemd-nspawn", "systemd-container")
        return {
            "version": said.partition("(")[2].rstrip(")") or said,
            "own_network": _own_network(spec),
            "own_users": _own_users(spec),
        }

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        group = launcher.new_groups(spec, lifetime, Limits(), undo)
        machine = f"pytest-isolation-{lifetime.run_id}-{secrets.token_hex(4)}"
        lifetime.register("directory", os.fspath(STATE / machine))
        undo.callback(_forget, machine)
        programs = program.Programs(group, undo, spec.caller)
        start = _Start(spec, lifetime, programs.proc, undo)
        argv = [program.find("systemd-nspawn", "systemd-container"), *start.arguments(machine), start.agent_path]
        env = [f"{key}={value}" for key, value in os.environ.items() if not key.startswith("SYSTEMD_")]
        # No locks on the root: the files would outlive a killed run, and nobody else has this root.
        env.append("SYSTEMD_NSPAWN_LOCK=0")
        env += sorted(_plan(spec).variables)
        pid = programs.start(argv, env=env)
        agent = programs.hello("systemd-nspawn")
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


def check_control_groups(said: str, mode: str) -> None:
    """`said`: "systemd 252 (252.38-1)".  Raises Unavailable for a release that refuses this host's mode."""
    found = re.match(r"systemd (\d+)", said)
    if found and int(found[1]) >= UNIFIED_ONLY and mode in ("v1", "hybrid"):
        mounted = "of version 1" if mode == "v1" else "hybrid"
        raise Unavailable(
            f"systemd-nspawn {found[1]} needs control groups v2 alone, and this host's are {mounted}",
            "boot with systemd.unified_cgroup_hierarchy=1",
        )


def _own_network(spec: BoxSpec) -> bool:
    if spec.network not in (None, "none", "host"):
        raise UsageError(f"network={spec.network}: nspawn has host (the default) and none here; give one of those")
    asked = flag(spec, "private_network")
    if asked and spec.network == "host":
        raise UsageError("network=host and private_network=true contradict each other; give one of them")
    return (asked or spec.network == "none") and _plan(spec).own_network


def _plan(spec: BoxSpec) -> Plan:
    return folded(OPENS, Plan(), spec)


def _own_users(spec: BoxSpec) -> bool:
    return str(spec.option("private_users", "no")) != "no"


def _forget(machine: str) -> None:
    if (STATE / machine).is_dir():
        (STATE / machine).rmdir()


class _Start(Building):
    """The arguments of one systemd-nspawn, and the directories it is given."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, proc: Proc, undo: ExitStack) -> None:
        super().__init__(spec, lifetime, undo)
        self.plan = _plan(spec)
        self.root = self.root_tree(proc, own=self.plan.own_root)
        if not isinstance(spec.image, str):
            (self.root / "usr").mkdir(exist_ok=True)  # without it nspawn takes it for no system at all

    def arguments(self, machine: str) -> list[str]:
        spec = self.spec
        found = ["--quiet", "--register=no", "--keep-unit", "--pipe", "--settings=no", "--link-journal=no"]
        found += ["--resolv-conf=off", "--timezone=off", f"--machine={machine}", f"--directory={self.root}"]
        found += [f"--setenv={variable}" for variable in launcher.environment(spec)]
        found.append(f"--chdir={spec.delivered.workdir}")
        if self.plan.own_name:
            found.append(f"--hostname={spec.hostname}")
        found += self.plan.init
        if _own_network(spec):
            found.append("--private-network")
        if _own_users(spec):
            found += [f"--private-users={spec.option('private_users')}", "--private-users-ownership=auto"]
        kept = {*texts(spec, "capability"), *self.plan.granted}
        found += [f"--capability={_full(name)}" for name in sorted(kept)]
        found += [f"--drop-capability={_full(name)}" for name in texts(spec, "drop_capability")]
        if spec.read_only and self.plan.read_only:
            found.append("--read-only")
        found += worded_lines(spec, WORDING)
        found += [f"--rlimit={one.resource.upper()}={one.soft}:{one.hard}" for one in limits_asked(spec)]
        for one in self.handed_in():
            # As for a volume: nspawn does not make it below a read-only root.
            target = self.root / one.target.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.mkdir(exist_ok=True) if one.is_directory else target.touch()
            found.append(f"--bind={one.host}:{one.target}")
        return [*found, *self._volumes(), *(in_vain(spec, LACKING) or [])]

    def _volumes(self) -> list[str]:
        found = []
        for given in self.given_volumes(keeps_read_only=self.plan.read_only):
            # nspawn does not make it below a read-only root.
            (self.root / given.target.lstrip("/")).mkdir(parents=True, exist_ok=True)
            target = given.target.replace(":", "\\:")
            found.append(f"{'--bind' if given.writable else '--bind-ro'}={given.directory}:{target}")
        return found


def _full(name: str) -> str:
    return f"CAP_{name.removeprefix('CAP_')}"
