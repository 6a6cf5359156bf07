"""Linux namespaces by hand: clone(2), mount(2), pivot_root(2), and a control group; nothing installed, no daemon.

Every namespace type; capabilities as a container's root usually has them; /proc and /sys with the
usual masks.  No seccomp filter and no LSM profile: those are not namespaces.
Sources: namespaces(7), pivot_root(2), user_namespaces(7), capabilities(7), OCI runtime-spec config-linux.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from pytest_isolation.agent.client import Agent, Proc, Program
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.box import Box, Parts
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import Pipes, start_local
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import (
    LOSSES,
    Weakenings,
    drop,
    expose,
    join_sibling,
    lossy,
    share,
    unlimited,
)
from pytest_isolation.errors import ONE_ID, BoxError, Cause, Unavailable, Unsupported, unless_root
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.base import flag, refuse_unknown_holes, start_box
from pytest_isolation.technologies.capabilities import CONTAINER_DEFAULT, holes, number_of
from pytest_isolation.technologies.launcher import AT_FDCWD, must

# clone(2)
CLONE = {
    "mnt": 0x0002_0000,
    "cgroup": 0x0200_0000,
    "uts": 0x0400_0000,
    "ipc": 0x0800_0000,
    "user": 0x1000_0000,
    "pid": 0x2000_0000,
    "net": 0x4000_0000,
    "time": 0x0000_0080,
}
# mount(2)
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 18, 1 << 19, 1 << 20
MNT_DETACH = 2
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH = 1, 4  # open_tree(2), move_mount(2)

MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
    "/sys/devices/virtual/powercap",
)  # fmt: skip
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_RULES = ("c *:* m", "b *:* m", "c 5:2 rwm", "c 136:* rwm")
"""Besides DEVICES: any node may be made, though not used; ptmx and pts (runc, libcontainer/specconv AllowedDevices)."""


KNOBS = (
    ("user/max_user_namespaces", "0", "as root: sysctl user.max_user_namespaces=10000"),
    ("kernel/unprivileged_userns_clone", "0", "as root: sysctl kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "as root: sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
)
"""What switches user namespaces off, its value then, what to do: namespaces(7), kernels of Debian and of Ubuntu."""
ELSEWHERE = "run where user namespaces are allowed: a container's seccomp filter, or a chroot, refuses them"


def root() -> bool:
    """Whether this process may make namespaces without a user namespace."""
    return os.geteuid() == 0


class Namespaces:
    name = "namespaces"
    start_ms = 20
    doors = ("start", "exec")
    keywords: Mapping[str, str] = {
        "userns": "true: a user namespace as well, with root mapped to this user (always so when not root)",
        "capabilities": "what root in the box keeps: a list of names, all or none (default: as container engines do)",
    }

    def weakenings(self) -> Weakenings:
        opened = {share(kind) for kind in CLONE if kind != "user"}
        opened |= {join_sibling(kind) for kind in ("pid", "net", "ipc", "uts")}
        opened |= {unlimited(what) for what in ("memory", "pids", "cpu")} | {lossy(aspect) for aspect in LOSSES}
        opened |= {
            drop(what)
            for what in ("masks", "pivot", "init", "read-only", "close-fds", "cgroup-ro", "private-root", "exec-group")
        }
        opened |= {expose(path) for path in ("/", "/tmp", "/run", "/sys/fs/cgroup", "/dev")}
        opened |= holes(("SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "DAC_READ_SEARCH", "SYS_TIME", "SYS_NICE"))
        if root():
            opened |= {drop("propagation"), drop("clean-up"), drop("devices")}
        return frozenset(opened)

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        if not root() or flag(spec, "userns"):
            check_user_namespaces()

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        return {"version": platform.release(), "user_namespace": not root() or flag(spec, "userns")}

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> Parts:
        start = _Start(spec, lifetime, undo)
        agent = start.run()
        return Parts(
            agent=agent,
            init_pid=start.pid,
            group=start.group,
            root=start.root,
            volumes=start.volumes,
            enter=start.enter,
            facts={"environment": launcher.environment(spec)},
        )

    def clean(self, kind: str, handle: str) -> bool:
        return False


def check_user_namespaces() -> None:
    """Raises Unavailable, with the remedy, where this user may not make a user namespace."""
    if said := _refusal_of_user_namespaces():
        remedy = next((remedy for path, off, remedy in KNOBS if _reads(path, off)), ELSEWHERE)
        raise Unavailable(
            f"this user may make no user namespace ({said})",
            cause=Cause("user namespaces are switched off, or not for this user", remedy),
        )


@cache
def _refusal_of_user_namespaces() -> str:
    """What a child of ours was told when it tried; empty when it became root of one, with capabilities there."""
    with start_local() as local:
        child, reply = local.proc.try_spawn(CLONE["user"])
        if child is None:
            return str(reply)
        # Some let the namespace be made and have nothing granted in it (apparmor_restrict_unprivileged_userns).
        inside = child.unshare(CLONE["uts"])
        child.end()
        return "" if inside.ok else str(inside)


def _reads(path: str, text: str) -> bool:
    try:
        return Path("/proc/sys", path).read_text().strip() == text
    except OSError:
        return False


def _need_root_alone(spec: BoxSpec) -> None:
    """Raises Unsupported for a spec of another user: user_namespaces(7) has one line in our maps, for root."""
    if spec.uid or spec.gid:
        raise Unsupported(
            "the box's user namespace has root alone: no other user can be in it", cause=unless_root(ONE_ID)
        )


class _Start:
    """One start, step by step.  `launcher` is the host's process, `child` what becomes the box."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.spec, self.lifetime, self.undo = spec, lifetime, undo
        self.userns = not root() or flag(spec, "userns")
        self.volumes: dict[str, Path] = {}
        self.group: cgroups.Group | None = None
        self.pid = 0
        self.root = Path("/")
        self._agent_path = "/agent"
        self._shared: Path | None = None
        """With drop("propagation"): a mount of the host that the box sees at /mnt, in one peer group."""

    def run(self) -> Agent:
        spec, undo = self.spec, self.undo
        if self.userns:
            _need_root_alone(spec)
        self.group = launcher.new_groups(spec, self.lifetime, launcher.limits_of(spec), undo)
        pipes = Pipes()
        undo.callback(pipes.close)
        local = start_local(pass_fds=pipes.theirs)
        undo.callback(local.close)
        self.launcher = local.proc
        self.root, self._agent_path = self._make_root()
        child = self._clone()
        self.pid = child.pid
        if self.group is not None:
            self.group.add(child.pid)
        if self.own("cgroup"):
            must(child.unshare(CLONE["cgroup"]), "a control group namespace")
        self._wall_in(child)
        undo.callback(child.end)
        if spec.has(drop("init")):
            child = child.spawn()
            self.pid = _only_child(self.pid)
        self._drop_capabilities(child)
        if self.group is not None and not spec.has(drop("devices")):
            self.group.allow_only([*DEVICE_RULES, *map(_device_rule, DEVICES)])
        keep = []
        if spec.has(drop("close-fds")):
            if self._leaked != 3:
                must(child.dup3(self._leaked, 3), "leaking a directory")
            keep.append(3)
        launcher.become_agent(child, self._agent_path, spec, pipes, keep=keep)
        agent = launcher.hello(pipes)
        undo.callback(agent.close)
        return agent

    def own(self, kind: str) -> bool:
        """Whether the box has a namespace of this kind of its own."""
        return not self.spec.has(share(kind)) and not self._joined(kind)

    def _joined(self, kind: str) -> bool:
        return self.spec.has(join_sibling(kind)) and "sibling" in self.spec.extra

    # -- namespaces --------------------------------------------------------------------

    def _clone(self) -> Proc:
        joined = [kind for kind in ("pid", "net", "ipc", "uts") if self._joined(kind)]
        maker = self._in_user_namespace(join=bool(joined)) if self.userns else self.launcher
        for kind in joined:
            self._join(maker, kind)
        if self.own("time"):
            must(maker.unshare(CLONE["time"]), "a time namespace")
        kinds = [kind for kind in ("mnt", "uts", "ipc", "pid", "net") if self.own(kind)]
        child, reply = maker.try_spawn(sum(CLONE[kind] for kind in kinds))
        if child is None:
            raise BoxError(f"this kernel refused new namespaces ({', '.join(kinds)}): {reply}")
        return child

    def _in_user_namespace(self, *, join: bool) -> Proc:
        """A process that is root of a user namespace: what it makes belongs to that one.

        Of the sibling's when the box is to join others of the sibling's: one has power over those only there.
        """
        if join:
            maker = self.launcher.spawn()
            self._join(maker, "user")
            return maker
        made, reply = self.launcher.try_spawn(CLONE["user"])
        if made is None:
            raise BoxError(f"this kernel refused a user namespace: {reply}")
        base = Path(f"/proc/{made.pid}")
        (base / "setgroups").write_text("deny")
        (base / "uid_map").write_text(f"0 {os.getuid()} 1")
        (base / "gid_map").write_text(f"0 {os.getgid()} 1")
        return made

    def _join(self, maker: Proc, kind: str) -> None:
        sibling: Box = self.spec.extra["sibling"]
        name = f"/proc/{sibling.parts.init_pid}/ns/{kind}"
        fd = must(maker.openat(AT_FDCWD, name, os.O_RDONLY), f"the sibling's {kind} namespace").value
        must(maker.setns(fd, CLONE[kind]), f"joining the sibling's {kind} namespace")
        maker.close(fd)

    # -- file systems ------------------------------------------------------------------

    def _make_root(self) -> tuple[Path, str]:
        sibling = self.spec.extra.get("sibling")
        if self.spec.has(drop("private-root")) and sibling is not None:
            return sibling.parts.root, "/agent"
        made, path = launcher.new_root(self.spec, self.lifetime, self.launcher, self.undo)
        if self.spec.has(drop("propagation")):
            # A mount whose events both sides see.  Not the root itself: pivot_root(2) wants that private.
            self._shared = self.lifetime.new_directory("shared")
            self.undo.callback(self.lifetime.remove_directory, self._shared)
            shared = os.fspath(self._shared)
            self.lifetime.register("mount", shared)
            must(self.launcher.mount(shared, shared, None, MS_BIND), "a mount to share")
            self.undo.callback(self._unmount_host, self._shared)
            must(self.launcher.mount(None, shared, None, MS_SHARED), "sharing a mount")
        for volume in self.spec.volumes:
            directory = self.lifetime.new_directory("volume")
            directory.chmod(0o777)
            self.undo.callback(self.lifetime.remove_directory, directory)
            (made / volume.target.lstrip("/")).mkdir(parents=True, exist_ok=True)
            if volume.nested:
                (directory / "nested").mkdir()
            self.volumes[volume.target] = directory
        return made, path

    def _unmount_host(self, made: Path) -> None:
        """Take away the shared root mount, and whatever the box mounted through it."""
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            point = line.split()[4]
            if point == os.fspath(made) or point.startswith(f"{made}/"):
                libc = ctypes.CDLL(None, use_errno=True)
                libc.umount2(os.fsencode(point.replace("\\040", " ")), MNT_DETACH)

    def _wall_in(self, child: Proc) -> None:
        spec, root = self.spec, os.fspath(self.root)
        self._leaked = (
            child.openat(AT_FDCWD, "/", os.O_RDONLY | os.O_DIRECTORY).value if spec.has(drop("close-fds")) else -1
        )
        if self.own("mnt"):
            # Taken before everything becomes private: the copy stays in the host's peer group.
            shared = child.open_tree(AT_FDCWD, os.fspath(self._shared), OPEN_TREE_CLONE) if self._shared else None
            must(child.mount(None, "/", None, MS_REC | MS_PRIVATE), "making mounts private")
            must(child.mount(root, root, None, MS_BIND | MS_REC), "binding the root")
            self._mounts(child, root)
            if shared is not None:
                moved = child.move_mount(shared.value, "", AT_FDCWD, f"{root}/mnt", MOVE_MOUNT_F_EMPTY_PATH)
                must(moved, "mounting the shared mount at /mnt")
                child.close(shared.value)
            self._enter_root(child, root)
        else:
            must(child.chroot(root), "chroot")
            must(child.chdir("/"), "chdir")
        if self.own("uts"):
            must(child.sethostname(spec.hostname), "hostname")
        if self.own("net"):
            launcher.loopback_up(child)

    def _mounts(self, child: Proc, root: str) -> None:
        spec = self.spec
        mount = _Mounter(child, root)
        proc_flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        if self.own("pid") or self._joined("pid"):
            mount("proc", "/proc", "proc", proc_flags)
        else:
            mount("/proc", "/proc", None, MS_BIND | MS_REC)
        if self.own("net") and not self._joined("net"):
            if not mount.tried("sysfs", "/sys", "sysfs", proc_flags | MS_RDONLY):
                mount("/sys", "/sys", None, MS_BIND | MS_REC)
        else:
            mount("/sys", "/sys", None, MS_BIND)
            mount(None, "/sys", None, MS_REMOUNT | MS_BIND | MS_RDONLY | proc_flags)
        if spec.has(expose("/dev")):
            mount("/dev", "/dev", None, MS_BIND | MS_REC)
        else:
            mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755,size=64k")
            mount.devices(self.userns)
        self._cgroup_tree(mount)
        for target, directory in self.volumes.items():
            mount(os.fspath(directory), target, None, MS_BIND)
            volume = next(v for v in spec.volumes if v.target == target)
            if volume.nested:
                mount("tmpfs", f"{target}/nested", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=777")
            if volume.read_only and not spec.has(drop("read-only")):
                must(
                    child.mount_setattr(AT_FDCWD, f"{root}{target}", 0x8000, set_=1), f"making {target} read-only"
                )  # AT_RECURSIVE, MOUNT_ATTR_RDONLY
        if not spec.has(drop("masks")):
            mount.masks()
        for path in ("/tmp", "/run"):
            if spec.has(expose(path)):
                mount(path, path, None, MS_BIND | MS_REC)
            elif spec.read_only:
                mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=1777")
        if spec.has(expose("/")):
            mount("/", "/host", None, MS_BIND | MS_REC)
        if spec.read_only and not spec.has(drop("read-only")):
            mount(None, "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY)

    def _cgroup_tree(self, mount: _Mounter) -> None:
        """The tree of the box's own group, read-only; the host's, writable, when exposed."""
        spec = self.spec
        if spec.has(expose("/sys/fs/cgroup")):
            mount("/sys/fs/cgroup", "/sys/fs/cgroup", None, MS_BIND | MS_REC)
            return
        if not self.own("cgroup") or self.group is None:
            return
        flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (0 if spec.has(drop("cgroup-ro")) else MS_RDONLY)
        hierarchies = cgroups.hierarchies()
        if cgroups.mode() == "v2":
            mount.tried("cgroup2", "/sys/fs/cgroup", "cgroup2", flags)
            return
        mount("tmpfs", "/sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=64k")
        for controller in hierarchies:
            mount.directory(f"/sys/fs/cgroup/{controller}")
            if controller == "unified":
                mount.tried("cgroup2", "/sys/fs/cgroup/unified", "cgroup2", flags)
            else:
                mount.tried("cgroup", f"/sys/fs/cgroup/{controller}", "cgroup", flags, _together(controller))
        mount(None, "/sys/fs/cgroup", None, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)

    def _enter_root(self, child: Proc, root: str) -> None:
        must(child.chdir(root), "entering the root")
        if self.spec.has(drop("pivot")):
            must(child.chroot("."), "chroot")
        else:
            must(child.pivot_root(".", "."), "pivot_root")
            must(child.umount2(".", MNT_DETACH), "leaving the old root")
        must(child.chdir("/"), "chdir")

    # -- the rest ----------------------------------------------------------------------

    def _drop_capabilities(self, child: Proc) -> None:
        asked = self.spec.option("capabilities", "default")
        if asked == "all":
            return
        names = set() if asked == "none" else CONTAINER_DEFAULT
        if asked not in ("none", "default"):
            names = frozenset([asked] if isinstance(asked, str) else asked)
        names = names | {hole.what for hole in self.spec.weakenings if hole.kind == "grant"}
        kept = {number_of(name) for name in names}
        last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
        program = Program()
        for capability in range(last + 1):
            if capability not in kept:
                program.prctl(24, capability)  # PR_CAPBSET_DROP: what execve may give back
        child.run(program)

    def enter(self) -> Agent:
        """As nsenter(1) does: join the control group, the namespaces and the root of the first process."""
        with ExitStack() as undo:
            pipes = Pipes()
            undo.callback(pipes.close)
            local = undo.enter_context(start_local(pass_fds=pipes.theirs))
            pidfd = must(local.proc.pidfd_open(self.pid), "the box's first process").value
            root_fd = must(
                local.proc.openat(AT_FDCWD, f"/proc/{self.pid}/root", os.O_RDONLY | os.O_DIRECTORY), "its root"
            ).value
            kinds = [kind for kind in CLONE if kind != "user" and (self.own(kind) or self._joined(kind))]
            if self.userns:
                kinds.append("user")
            must(local.proc.setns(pidfd, sum(CLONE[kind] for kind in kinds)), "entering its namespaces")
            must(local.proc.fchdir(root_fd), "entering its root")
            must(local.proc.chroot("."), "entering its root")
            child = local.proc.spawn()
            # Waited for, and so gone: one that nobody waits for still counts in the group.
            undo.callback(child.end)
            if self.group is not None and not self.spec.has(drop("exec-group")):
                # The child alone: the launcher stays outside, and is not to be left when the box has ended.
                self.group.add(_only_child(local.pid))
            self._drop_capabilities(child)
            launcher.become_agent(child, self._agent_path, self.spec, pipes)
            agent = launcher.hello(pipes)
            agent.undo.push(undo.pop_all())
        return agent


def _device_rule(name: str) -> str:
    number = os.stat(f"/dev/{name}").st_rdev
    return f"c {os.major(number)}:{os.minor(number)} rwm"


def _only_child(pid: int) -> int:
    """The one process `pid` has made, by the host's number (proc_pid_task(5): children)."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _together(controller: str) -> str:
    """cpu and cpuacct are often one hierarchy, and can only be mounted as that."""
    place = cgroups.hierarchies()[controller]
    return ",".join(sorted(name for name, at in cgroups.hierarchies().items() if at == place))


class _Mounter:
    """mount(2) below the new root."""

    def __init__(self, child: Proc, root: str) -> None:
        self.child, self.root = child, root

    def __call__(
        self, source: str | None, target: str, fstype: str | None, flags: int, data: str | None = None
    ) -> None:
        must(self.child.mount(source, f"{self.root}{target}", fstype, flags, data), f"mounting {target}")

    def tried(self, source: str, target: str, fstype: str, flags: int, data: str | None = None) -> bool:
        return self.child.mount(source, f"{self.root}{target}", fstype, flags, data).ok

    def directory(self, target: str) -> None:
        self.child.mkdirat(AT_FDCWD, f"{self.root}{target}", 0o755)

    def file(self, target: str) -> None:
        program = Program()
        fd = program.openat(AT_FDCWD, f"{self.root}{target}", os.O_CREAT | os.O_WRONLY, 0o644)
        program.close(fd)
        self.child.run(program)

    def devices(self, userns: bool) -> None:
        """The nodes every container has; bound from the host where mknod(2) is not for us."""
        for name in DEVICES:
            status = os.stat(f"/dev/{name}")
            made = not userns and self.child.mknodat(AT_FDCWD, f"{self.root}/dev/{name}", 0o020666, status.st_rdev).ok
            if made:
                self.child.fchmodat(AT_FDCWD, f"{self.root}/dev/{name}", 0o666)
            else:
                self.file(f"/dev/{name}")
                self(f"/dev/{name}", f"/dev/{name}", None, MS_BIND)
        for name in ("pts", "shm", "mqueue"):
            self.directory(f"/dev/{name}")
        self.tried("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
        self.child.symlinkat("pts/ptmx", AT_FDCWD, f"{self.root}/dev/ptmx")
        self("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777,size=64m")
        self.tried("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        for link, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            self.child.symlinkat(target, AT_FDCWD, f"{self.root}/dev/{link}")

    def masks(self) -> None:
        for path in MASKED:
            status = self.child.statx(AT_FDCWD, f"{self.root}{path}")
            if not status.ok:
                continue
            if struct.unpack_from("<H", status.data, 28)[0] & 0o170000 == 0o040000:
                self("tmpfs", path, "tmpfs", MS_RDONLY, "size=0")
            else:
                self(f"{self.root}/dev/null", path, None, MS_BIND)
        for path in READ_ONLY:
            if self.child.statx(AT_FDCWD, f"{self.root}{path}").ok:
                self(f"{self.root}{path}", path, None, MS_BIND | MS_REC)
                self(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)
