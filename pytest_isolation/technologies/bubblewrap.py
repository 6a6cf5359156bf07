"""bubblewrap: what bwrap(1) makes of --unshare-all, with the agent as process 1.

It sets no limits and makes no control group: limits asked for are not applied, nothing here could.
Source: bwrap(1), README.md of containers/bubblewrap.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.box import Box, Parts
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.weakenings import LOSSES, Weakenings, drop, expose, grant, lossy, share
from pytest_isolation.errors import Unsupported, UsageError
from pytest_isolation.technologies import launcher, mounts, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box, texts
from pytest_isolation.technologies.capabilities import tried
from pytest_isolation.technologies.handed import hand_ins, handed
from pytest_isolation.technologies.namespaces.user import check_user_namespaces

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

KINDS = ("user", "ipc", "pid", "net", "uts", "cgroup")
"""What --unshare-all unshares."""
GRANTED = ("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "DAC_READ_SEARCH", "SYS_NICE")
EXPOSED = ("/", "/tmp", "/run", "/sys/fs/cgroup", "/dev")


class Bubblewrap:
    name = "bubblewrap"
    start_ms = 30
    doors = ("start",)
    keywords: Mapping[str, str] = {
        "arguments": "further arguments of bwrap, a list: --disable-userns+--unshare-user",
        "cap_add": "capabilities (capabilities(7), without CAP_) that root in the box keeps; the others it loses",
    }

    def weakenings(self) -> Weakenings:
        opened = {share(kind) for kind in KINDS} | {lossy(aspect) for aspect in LOSSES}
        opened |= {expose(path) for path in EXPOSED} | hand_ins()
        opened |= {drop(what) for what in ("init", "read-only", "close-fds", "private-root", "clear-env")}
        if os.geteuid() == 0:
            opened |= {grant(name) for name in {*GRANTED, *tried()}}
            opened |= {drop("clean-up")}
        else:
            opened -= {share("user")}  # it is what lets such a user unshare the others
        return frozenset(opened)

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

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> Parts:
        group = launcher.new_groups(spec, lifetime, Limits(), undo)
        programs = program.Programs(group, undo, spec.caller)
        start = _Start(spec, lifetime, programs.proc, undo)
        argv = [program.find("bwrap", "bubblewrap"), *start.arguments(), start.agent]
        pid = programs.start(argv, env=[], prepare=start.leak)
        agent = programs.hello("bwrap")
        undo.callback(agent.close)
        return Parts(
            agent=agent,
            init_pid=program.last_descendant(pid),
            group=group,
            root=start.root,
            volumes=start.volumes,
            facts={"environment": launcher.environment(spec), "command": argv},
        )

    def clean(self, kind: str, handle: str) -> bool:
        return False


def _granted(spec: BoxSpec) -> list[str]:
    return sorted({*texts(spec, "cap_add"), *(hole.what for hole in spec.weakenings if hole.kind == "grant")})


def _unshares(spec: BoxSpec, kind: str) -> bool:
    if kind == "user" and any(hole.kind == "grant" for hole in spec.weakenings):
        return False  # a capability over the host is one in the host's user namespace
    return not spec.has(share(kind)) and not (kind == "net" and spec.network == "host")


class _Start:
    """The arguments of one bwrap, and the directories it is given."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, proc: Proc, undo: ExitStack) -> None:
        self.spec, self.lifetime, self.undo = spec.delivered, lifetime, undo
        self.volumes: dict[str, Path] = {}
        sibling = spec.extra.get("sibling")
        if spec.has(drop("private-root")) and sibling is not None:
            self.root, self.agent = sibling.parts.root, "/agent"
        else:
            self.root, self.agent = launcher.new_root(spec, lifetime, proc, undo)

    def arguments(self) -> list[str]:
        spec = self.spec
        found = ["--die-with-parent", "--new-session"]
        found += [f"--unshare-{kind}" for kind in KINDS if _unshares(spec, kind)]
        if _unshares(spec, "pid") and not spec.has(drop("init")):
            found.append("--as-pid-1")
        if _unshares(spec, "uts"):
            found += ["--hostname", spec.hostname]
        found += self._identity()
        found += [] if spec.has(drop("clear-env")) else ["--clearenv"]
        for variable in launcher.environment(spec):
            name, _, value = variable.partition("=")
            found += ["--setenv", name, value]
        found += self._file_systems()
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
        read_only = spec.read_only and not spec.has(drop("read-only"))
        found = ["--bind", os.fspath(self.root), "/"]
        found += ["--dev-bind", "/dev", "/dev"] if spec.has(expose("/dev")) else ["--dev", "/dev"]
        found += ["--proc", "/proc"]
        for path in ("/tmp", "/run") if spec.read_only else ():
            found += ["--perms", "1777", "--tmpfs", path]
        for one in handed(spec, self.lifetime, self.undo):
            if one.target != "/dev":
                found += ["--dev-bind" if one.host == "/" else "--bind", one.host, one.target]
        for volume in spec.volumes:
            directory = self.lifetime.new_directory("volume")
            directory.chmod(0o777)
            self.undo.callback(self.lifetime.remove_directory, directory)
            if volume.nested:
                mounts.nested(directory, self.lifetime, self.undo)
            self.volumes[volume.target] = directory
            writable = not volume.read_only or spec.has(drop("read-only"))
            found += ["--bind" if writable else "--ro-bind", os.fspath(directory), volume.target]
        return [*found, "--remount-ro", "/"] if read_only else found

    def leak(self, child: Proc) -> list[int]:
        """With drop("close-fds"): a directory of the host, open on 3, which bwrap does not close."""
        return program.leak(child, self.spec.caller) if self.spec.has(drop("close-fds")) else []
