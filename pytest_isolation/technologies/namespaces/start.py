"""One start, step by step: namespaces, root, control group, capabilities, and the agent."""

from __future__ import annotations

import errno
import os
import signal
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Agent, Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, KEYCTL, MNT, MOVE_MOUNT, MS, OPEN_TREE, PR, W
from pytest_isolation.agent.shortcuts import must, read, write
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.attributes import put_usual
from pytest_isolation.boxes.handle import BoxHandle, Life, Pausing
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.life import signal_called
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import LocalAgent, Pipes, start_local
from pytest_isolation.boxes.procfs import children_of, text_of
from pytest_isolation.boxes.resources import OOM_SCORE
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import drop, grant, share
from pytest_isolation.errors import ONE_ID, BoxError, Unsupported, unless_root
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.attach import filters
from pytest_isolation.technologies.base import flag
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.capabilities import CONTAINER_DEFAULT, number_of
from pytest_isolation.technologies.lacking import in_vain
from pytest_isolation.technologies.limiting import set_limits
from pytest_isolation.technologies.namespaces import lacking
from pytest_isolation.technologies.namespaces.clone import CLONE
from pytest_isolation.technologies.namespaces.holes import plan_of
from pytest_isolation.technologies.namespaces.tree import DEVICES, Tree
from pytest_isolation.technologies.opens import as_root
from pytest_isolation.technologies.pausing import pausing

RLIMIT_NOFILE, FEW_FILES = 7, 256
REAPING_S = 600
"""Seconds for which a first process waits for whoever has lost its parent."""
LET_THROUGH = struct.pack("<HBBI", filters.BPF_RET_K, 0, 0, 0x7FFF_0000)  # SECCOMP_RET_ALLOW
DEVICE_RULES = ("c *:* m", "b *:* m", "c 5:2 rwm", "c 136:* rwm")
"""Besides DEVICES: any node may be made, though not used; ptmx and pts (runc, libcontainer/specconv AllowedDevices)."""


def _need_root_alone(spec: BoxSpec) -> None:
    """Raises Unsupported for a spec of another user: user_namespaces(7) has one line in our maps, for root."""
    if spec.uid or spec.gid:
        raise Unsupported(
            "the box's user namespace has root alone: no other user can be in it", cause=unless_root(ONE_ID)
        )


class Start(Building):
    """`launcher` is the host's process, `child` what becomes the box."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        super().__init__(spec, lifetime, undo)
        self.plan = plan_of(spec)
        self.userns = not as_root() or (flag(spec, "userns") and self.plan.own_users)
        self.joined = frozenset(self.plan.joined if self.sibling is not None else ())
        self.own = frozenset(self.plan.own) - self.joined
        """The kinds of namespace it has to itself, besides a user namespace."""
        self.group: cgroups.Group | None = None
        self.pid = 0
        self.first: Proc | None = None
        self.again = False
        """Whether it was started before, and with drop("restart") is to be confined otherwise."""
        self.root = Path("/")
        self._shared: Path | None = None
        """With drop("propagation"): a mount of the host that the box sees at /mnt, in one peer group."""

    def run(self) -> Agent:
        """The agent in its box.  Raises Unavailable, Unsupported, BoxError."""
        spec, undo = self.spec, self.undo
        if self.userns:
            _need_root_alone(spec)
        self.group = launcher.new_groups(spec, self.lifetime, launcher.limits_of(spec), undo)
        pipes = Pipes()
        undo.callback(pipes.close)
        local = self._local(pipes)
        undo.callback(local.close)
        self.launcher = local.proc
        self.root = self._make_root()
        child = self._clone()
        self.pid = child.pid
        if self.group is not None:
            self.group.add(child.pid)
        if "cgroup" in self.own:
            must(child.unshare(CLONE["cgroup"]), "a control group namespace")
        if (ask := in_vain(spec, lacking.WORDS)) is not None:
            ask(child, self.group)
        self._wall_in(child)
        undo.callback(child.end)
        self.first = child
        if not self.plan.first:
            child = child.spawn()
            self.pid = children_of(Path(f"/proc/{self.pid}"))[0]
        self._give_up(child)
        self._confine_first(child)
        if self.group is not None and self.plan.few_devices:
            self.group.allow_only([*DEVICE_RULES, *map(_device_rule, DEVICES)])
        keep = []
        if not self.plan.closes:
            if self._leaked != 3:
                must(child.dup3(self._leaked, 3), "leaking a directory")
            keep += [3, *spec.caller.open]
        launcher.become_agent(child, self.agent_path, spec, pipes, keep=keep)
        agent = launcher.hello(pipes)
        undo.callback(agent.close)
        if spec.reaper and not self.plan.first:
            reaping = Program()
            reaping.loop(reaping.wait4(-1, W.ALL), seconds=REAPING_S)
            self.first.start(reaping)
        return agent

    def pausing(self) -> Pausing | None:
        """By the freezer of its own group, which takes root on most machines."""
        group = self.group
        if group is None or group.file("freezer", "freezer.state", "cgroup.freeze") is None:
            return None
        return pausing(
            lambda: group.freeze(True), lambda: group.freeze(False),
            whole=self.plan.pauses_whole, pid=self.pid, host=LOCAL_HOST,
        )  # fmt: skip

    def _local(self, pipes: Pipes) -> LocalAgent:
        """A process of the host that has what the caller of a launcher would hand it."""
        caller = self.spec.caller
        local = start_local(pass_fds=(*pipes.theirs, *caller.handed), env=dict(caller.variables))
        try:
            caller.bring(local.proc)
        except BaseException:
            local.close()
            raise
        return local

    def life(self, parts: Callable[[Start], BoxHandle]) -> Life:
        """By hand: a signal, a while, SIGKILL, which ends all of a PID namespace; `parts`: of it started again."""
        first = self.first
        if first is None or first.parent is None or not self.plan.first:
            return Life()
        parent = first.parent

        def status() -> int:
            found = launcher.status_of(parent, first.pid)
            return found if self.plan.tells_status else 0

        def stop(seconds: int) -> None:
            number = signal_called(self.spec.stop_signal) if self.plan.stops_gracefully else signal.SIGKILL
            must(parent.kill(first.pid, number), "asking the box to end")
            deadline = time.monotonic() + seconds
            while not (ended := _has_ended(parent, first.pid)) and time.monotonic() < deadline:
                time.sleep(0.01)
            if not ended and self.plan.stops_by_force:
                must(parent.kill(first.pid, signal.SIGKILL), "ending the box")
                launcher.status_of(parent, first.pid)

        def again() -> BoxHandle:
            if parent.kill(first.pid, signal.SIGKILL).ok:  # one that was stopped before is waited for already
                launcher.status_of(parent, first.pid)
            spec = self.spec if self.plan.restarts_alike else otherwise(self.spec)
            made = Start(spec, self.lifetime, self.undo)
            made.again = True
            return parts(made)

        return Life(stop, status, again)

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
        assert self.sibling is not None
        name = f"/proc/{self.sibling.parts.init_pid}/ns/{kind}"
        fd = must(maker.openat(AT_FDCWD, name, os.O_RDONLY), f"the sibling's {kind} namespace").value
        must(maker.setns(fd, CLONE[kind]), f"joining the sibling's {kind} namespace")
        maker.close(fd)

    # -- file systems ------------------------------------------------------------------

    def _make_root(self) -> Path:
        made = self.root_tree(self.launcher, own=self.plan.own_root)
        if self.plan.propagates:
            # A mount whose events both sides see.  Not the root itself: pivot_root(2) wants that private.
            self._shared = self.propagating()
        for given in self.given_volumes(keeps_read_only=self.plan.read_only):
            (made / given.target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        return made

    def nest(self, directory: Path) -> None:
        """Mounted later, by the box's own process: no user of this machine has to be root for it."""
        (directory / "nested").mkdir()

    def _wall_in(self, child: Proc) -> None:
        spec, root = self.spec, os.fspath(self.root)
        self._leaked = -1 if self.plan.closes else child.openat(AT_FDCWD, "/", os.O_RDONLY | os.O_DIRECTORY).value
        if "mnt" in self.own:
            # Taken before everything becomes private: the copy stays in the host's peer group.
            shared = child.open_tree(AT_FDCWD, os.fspath(self._shared), OPEN_TREE.CLONE) if self._shared else None
            must(child.mount(None, "/", None, MS.REC | MS.PRIVATE), "making mounts private")
            must(child.mount(root, root, None, MS.BIND | MS.REC), "binding the root")
            tree = Tree(child, root, spec, self.plan, self.own, self.joined, self.userns)
            tree.mount(self.volumes, self.handed_in(), group=self.group is not None)
            if shared is not None:
                moved = child.move_mount(shared.value, "", AT_FDCWD, f"{root}/mnt", MOVE_MOUNT.F_EMPTY_PATH)
                must(moved, "mounting the shared mount at /mnt")
                child.close(shared.value)
            self._enter_root(child, root)
        else:
            must(child.chroot(root), "chroot")
            must(child.chdir("/"), "chdir")
        if "uts" in self.own:
            must(child.sethostname(spec.delivered.hostname), "hostname")
        if "net" in self.own:
            launcher.loopback_up(child)

    def _enter_root(self, child: Proc, root: str) -> None:
        program = Program(stop_on_error=True)
        steps = [(program.chdir(root), "entering the root")]
        if not self.plan.pivots:
            steps.append((program.chroot("."), "chroot"))
        else:
            steps.append((program.pivot_root(".", "."), "pivot_root"))
            steps.append((program.umount2(".", MNT.DETACH), "leaving the old root"))
        steps.append((program.chdir("/"), "chdir"))
        replies = child.run(program)
        for step, doing in steps:
            must(replies[step], doing)

    # -- the rest ----------------------------------------------------------------------

    def _give_up(self, child: Proc, *, entered: bool = False) -> None:
        """What no namespace takes away: limits, capabilities, what programs would gain, and what is its caller's."""
        put_usual(child, self.plan.usual)
        set_limits(child, self.spec)
        if self.plan.own_session:
            must(child.setsid(), "a session")
        if self.plan.enters_unprivileged or not entered:
            self._drop_capabilities(child)
        if self.plan.no_new_privs and (self.plan.enters_with_no_new_privs or not entered):
            must(child.prctl(PR.SET_NO_NEW_PRIVS, 1), "no_new_privs")
        if self.plan.own_keyring:
            made = child.keyctl(KEYCTL.JOIN_SESSION_KEYRING, None)
            # Where a filter keeps keyctl(2) from us, it keeps it from the box, which inherits that.
            if made.errno not in (errno.EPERM, errno.ENOSYS):
                must(made, "a session keyring")

    def _confine_first(self, child: Proc) -> None:
        """What this box has for a hole alone: a limit, or a filter that lets all through, of the first process only."""
        if self.again and not self.plan.restarts_alike:
            must(write(child, "/proc/self/oom_score_adj", b"500"), "an oom_score_adj of its own")
        if (score := dict(launcher.limits_of(self.spec).resources).get(OOM_SCORE)) is not None:
            must(write(child, "/proc/self/oom_score_adj", score.encode()), "its oom_score_adj")
        if not self.plan.enters_with_limits:
            must(child.prlimit64(0, RLIMIT_NOFILE, (FEW_FILES, FEW_FILES)), "a limit of open files")
        if not self.plan.enters_with_filter:
            program = Program()
            laid = filters.lay_on(program, filters.Filter(LET_THROUGH, 0))
            must(child.run(program)[laid], "a filter")

    def _drop_capabilities(self, child: Proc) -> None:
        numbers = kept(self.spec)
        if numbers is None:
            return
        last = int(text_of(Path("/proc/sys/kernel/cap_last_cap")))
        program = Program()
        for capability in range(last + 1):
            if capability not in numbers:
                program.prctl(PR.CAPBSET_DROP, capability)
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
            path = self.agent_path
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
                self.group.add(children_of(Path(f"/proc/{local.pid}"))[0])
            self._give_up(child, entered=True)
            spec = self.spec if self.plan.enters_as_user else replace(self.spec, uid=0, gid=0)
            launcher.become_agent(child, path, spec, pipes)
            agent = launcher.hello(pipes)
            agent.undo.push(undo.pop_all())
        return agent


def otherwise(spec: BoxSpec) -> BoxSpec:
    """With drop("restart"): how the box is started again, another in all that is compared."""
    holes = [drop(one) for one in ("masks", "no-new-privs", "exec-limits", "exec-filter", "restart")]
    bare = replace(spec, uid=0, gid=0, memory=None, pids=None)
    return bare.weakened(*holes, share("ipc"), grant("NET_ADMIN"))


def _has_ended(parent: Proc, pid: int) -> bool:
    """Whether a child of `parent`'s has; it can be waited for still."""
    return parent.kill(pid, 0).errno != 0 or _state(parent, pid) == "Z"


def _state(proc: Proc, pid: int) -> str:
    """Of proc_pid_stat(5), as `proc` sees it; "" where there is none."""
    return read(proc, f"/proc/{pid}/stat").data.decode(errors="replace").rpartition(")")[2].strip()[:1]


def _device_rule(name: str) -> str:
    number = os.stat(f"/dev/{name}").st_rdev
    return f"c {os.major(number)}:{os.minor(number)} rwm"


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
