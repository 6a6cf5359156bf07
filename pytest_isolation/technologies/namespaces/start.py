"""One start, step by step: namespaces, root, control group, capabilities, and the agent."""

from __future__ import annotations

import errno
import os
import struct
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Agent, Proc, Program
from pytest_isolation.agent.shortcuts import AT_FDCWD, must, write
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.caller import JOIN_SESSION_KEYRING
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import LocalAgent, Pipes, start_local
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.errors import ONE_ID, BoxError, Unsupported, unless_root
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher, mounts
from pytest_isolation.technologies.attach import filters
from pytest_isolation.technologies.base import flag
from pytest_isolation.technologies.capabilities import CONTAINER_DEFAULT, number_of
from pytest_isolation.technologies.handed import handed
from pytest_isolation.technologies.mounts import MNT_DETACH, MS_BIND, MS_PRIVATE, MS_REC
from pytest_isolation.technologies.namespaces.clone import CLONE
from pytest_isolation.technologies.namespaces.holes import plan_of
from pytest_isolation.technologies.namespaces.tree import DEVICES, Tree
from pytest_isolation.technologies.namespaces.user import root

PR_CAPBSET_DROP = 24  # prctl(2): what execve may give back
PR_SET_NO_NEW_PRIVS = 38
RLIMIT_NOFILE, FEW_FILES = 7, 256
LET_THROUGH = struct.pack("<HBBI", filters.BPF_RET_K, 0, 0, 0x7FFF_0000)  # SECCOMP_RET_ALLOW
OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH = 1, 4  # open_tree(2), move_mount(2)
DEVICE_RULES = ("c *:* m", "b *:* m", "c 5:2 rwm", "c 136:* rwm")
"""Besides DEVICES: any node may be made, though not used; ptmx and pts (runc, libcontainer/specconv AllowedDevices)."""


def _need_root_alone(spec: BoxSpec) -> None:
    """Raises Unsupported for a spec of another user: user_namespaces(7) has one line in our maps, for root."""
    if spec.uid or spec.gid:
        raise Unsupported(
            "the box's user namespace has root alone: no other user can be in it", cause=unless_root(ONE_ID)
        )


class Start:
    """`launcher` is the host's process, `child` what becomes the box."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.spec, self.lifetime, self.undo = spec, lifetime, undo
        self.plan = plan_of(spec)
        self.userns = not root() or (flag(spec, "userns") and self.plan.own_users)
        self.joined = frozenset(self.plan.joined if "sibling" in spec.extra else ())
        self.own = frozenset(self.plan.own) - self.joined
        """The kinds of namespace it has to itself, besides a user namespace."""
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
        local = self._local(pipes)
        undo.callback(local.close)
        self.launcher = local.proc
        self.root, self._agent_path = self._make_root()
        child = self._clone()
        self.pid = child.pid
        if self.group is not None:
            self.group.add(child.pid)
        if "cgroup" in self.own:
            must(child.unshare(CLONE["cgroup"]), "a control group namespace")
        self._wall_in(child)
        undo.callback(child.end)
        if not self.plan.first:
            child = child.spawn()
            self.pid = _only_child(self.pid)
        self._give_up(child)
        self._confine_first(child)
        if self.group is not None and self.plan.few_devices:
            self.group.allow_only([*DEVICE_RULES, *map(_device_rule, DEVICES)])
        keep = []
        if not self.plan.closes:
            if self._leaked != 3:
                must(child.dup3(self._leaked, 3), "leaking a directory")
            keep += [3, *spec.caller.open]
        launcher.become_agent(child, self._agent_path, spec, pipes, keep=keep)
        agent = launcher.hello(pipes)
        undo.callback(agent.close)
        return agent

    def _local(self, pipes: Pipes) -> LocalAgent:
        """A process of the host that has what the caller of a launcher would hand it."""
        caller = self.spec.caller
        local = start_local(pass_fds=(*pipes.theirs, *caller.open), env=dict(caller.variables))
        try:
            caller.bring_key(local.proc)
        except BaseException:
            local.close()
            raise
        return local

    # -- namespaces --------------------------------------------------------------------

    def _clone(self) -> Proc:
        maker = self._in_user_namespace(join=bool(self.joined)) if self.userns else self.launcher
        for kind in sorted(self.joined):
            self._join(maker, kind)
        if "time" in self.own:
            must(maker.unshare(CLONE["time"]), "a time namespace")
        kinds = sorted(self.own - {"cgroup", "time"})
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
        (base / "setgroups").write_text("deny", encoding="utf-8")
        (base / "uid_map").write_text(f"0 {os.getuid()} 1", encoding="utf-8")
        (base / "gid_map").write_text(f"0 {os.getgid()} 1", encoding="utf-8")
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
        if not self.plan.own_root and sibling is not None:
            return sibling.parts.root, "/agent"
        made, path = launcher.new_root(self.spec, self.lifetime, self.launcher, self.undo)
        if self.plan.propagates:
            # A mount whose events both sides see.  Not the root itself: pivot_root(2) wants that private.
            self._shared = self.lifetime.new_directory("shared")
            self.undo.callback(self.lifetime.remove_directory, self._shared)
            mounts.shared(self._shared, self.lifetime, self.undo)
        for volume in self.spec.volumes:
            directory = self.lifetime.new_directory("volume")
            directory.chmod(0o777)
            self.undo.callback(self.lifetime.remove_directory, directory)
            (made / volume.target.lstrip("/")).mkdir(parents=True, exist_ok=True)
            if volume.nested:
                (directory / "nested").mkdir()
            self.volumes[volume.target] = directory
        return made, path

    def _wall_in(self, child: Proc) -> None:
        spec, root = self.spec, os.fspath(self.root)
        self._leaked = -1 if self.plan.closes else child.openat(AT_FDCWD, "/", os.O_RDONLY | os.O_DIRECTORY).value
        if "mnt" in self.own:
            # Taken before everything becomes private: the copy stays in the host's peer group.
            shared = child.open_tree(AT_FDCWD, os.fspath(self._shared), OPEN_TREE_CLONE) if self._shared else None
            must(child.mount(None, "/", None, MS_REC | MS_PRIVATE), "making mounts private")
            must(child.mount(root, root, None, MS_BIND | MS_REC), "binding the root")
            tree = Tree(child, root, spec, self.plan, self.own, self.joined, self.userns)
            tree.mount(self.volumes, handed(spec, self.lifetime, self.undo), group=self.group is not None)
            if shared is not None:
                moved = child.move_mount(shared.value, "", AT_FDCWD, f"{root}/mnt", MOVE_MOUNT_F_EMPTY_PATH)
                must(moved, "mounting the shared mount at /mnt")
                child.close(shared.value)
            self._enter_root(child, root)
        else:
            must(child.chroot(root), "chroot")
            must(child.chdir("/"), "chdir")
        if "uts" in self.own:
            must(child.sethostname(spec.hostname), "hostname")
        if "net" in self.own:
            launcher.loopback_up(child)

    def _enter_root(self, child: Proc, root: str) -> None:
        program = Program(stop_on_error=True)
        steps = [(program.chdir(root), "entering the root")]
        if not self.plan.pivots:
            steps.append((program.chroot("."), "chroot"))
        else:
            steps.append((program.pivot_root(".", "."), "pivot_root"))
            steps.append((program.umount2(".", MNT_DETACH), "leaving the old root"))
        steps.append((program.chdir("/"), "chdir"))
        replies = child.run(program)
        for step, doing in steps:
            must(replies[step], doing)

    # -- the rest ----------------------------------------------------------------------

    def _give_up(self, child: Proc, *, entered: bool = False) -> None:
        """What no namespace takes away: capabilities, what programs would gain, and the keys of whoever starts it."""
        if self.plan.enters_unprivileged or not entered:
            self._drop_capabilities(child)
        if self.plan.no_new_privs and (self.plan.enters_with_no_new_privs or not entered):
            must(child.prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
        if self.plan.own_keyring:
            made = child.keyctl(JOIN_SESSION_KEYRING, None)
            # Where a filter keeps keyctl(2) from us, it keeps it from the box, which inherits that.
            if made.errno not in (errno.EPERM, errno.ENOSYS):
                must(made, "a session keyring")

    def _confine_first(self, child: Proc) -> None:
        """What this box has for a hole alone: a limit, or a filter that lets all through, of the first process only."""
        if not self.plan.enters_with_limits:
            must(child.prlimit64(0, RLIMIT_NOFILE, (FEW_FILES, FEW_FILES)), "a limit of open files")
        if not self.plan.enters_with_filter:
            program = Program()
            filters.lay_on(program, filters.Filter(LET_THROUGH, 0))
            must(child.run(program)[0], "a filter")

    def _drop_capabilities(self, child: Proc) -> None:
        numbers = kept(self.spec)
        if numbers is None:
            return
        last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="utf-8", errors="surrogateescape"))
        program = Program()
        for capability in range(last + 1):
            if capability not in numbers:
                program.prctl(PR_CAPBSET_DROP, capability)
        child.run(program)

    def enter(self) -> Agent:
        """As nsenter(1) does: join the control group, the namespaces and the root of the first process."""
        with ExitStack() as undo:
            pipes = Pipes()
            undo.callback(pipes.close)
            local = undo.enter_context(self._local(pipes))
            pidfd = must(local.proc.pidfd_open(self.pid), "the box's first process").value
            root_fd = must(
                local.proc.openat(AT_FDCWD, f"/proc/{self.pid}/root", os.O_RDONLY | os.O_DIRECTORY), "its root"
            ).value
            kinds = (self.own | self.joined | ({"user"} if self.userns else set())) & set(self.plan.enters_namespaces)
            path = self._agent_path
            if not self.plan.enters_with_score:
                must(write(local.proc, "/proc/self/oom_score_adj", b"500"), "an oom_score_adj of its own")
            if not self.plan.enters_root:
                kinds, path = kinds - {"mnt"}, os.fspath(agent_binary())
            must(local.proc.setns(pidfd, sum(CLONE[kind] for kind in kinds)), "entering its namespaces")
            if self.plan.enters_root:
                must(local.proc.fchdir(root_fd), "entering its root")
                must(local.proc.chroot("."), "entering its root")
            child = local.proc.spawn()
            # Waited for, and so gone: one that nobody waits for still counts in the group.
            undo.callback(child.end)
            if self.group is not None and self.plan.enters_group:
                # The child alone: the launcher stays outside, and is not to be left when the box has ended.
                self.group.add(_only_child(local.pid))
            self._give_up(child, entered=True)
            spec = self.spec if self.plan.enters_as_user else replace(self.spec, uid=0, gid=0)
            launcher.become_agent(child, path, spec, pipes)
            agent = launcher.hello(pipes)
            agent.undo.push(undo.pop_all())
        return agent


def _device_rule(name: str) -> str:
    number = os.stat(f"/dev/{name}").st_rdev
    return f"c {os.major(number)}:{os.minor(number)} rwm"


def _only_child(pid: int) -> int:
    """The one process `pid` has made, by the host's number (proc_pid_task(5): children)."""
    return int(
        Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8", errors="surrogateescape").split()[0]
    )


def kept(spec: BoxSpec) -> set[int] | None:
    """The capabilities that root of the box keeps, by number; None for all.

    Raises UsageError for a name that capabilities(7) does not have.
    """
    asked = spec.option("capabilities", "default")
    if asked == "all":
        return None
    names = set() if asked == "none" else CONTAINER_DEFAULT
    if asked not in ("none", "default"):
        names = frozenset([asked] if isinstance(asked, str) else asked)
    return {number_of(name) for name in names | set(plan_of(spec).granted)}
