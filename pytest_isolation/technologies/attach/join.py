"""A process of ours becomes one of the box: groups, namespaces, root, identity, then all that confines it.

The order is what the kernel asks for.  Namespaces are joined by root of the host, the user namespace last, because the
others may belong to its parents.  Identity is taken on with all capabilities kept; they are the last to go, and the
filters come with them, suspended until all is done.  The agent is executed from sealed memory: it needs no place in
the box, and has no file of the host's open.  Sources: setns(2), pidfd_open(2), capabilities(7), nsenter(1),
user_namespaces(7), memfd_create(2); CVE-2016-9962 and CVE-2019-5736 for what must not be open on the way in.
"""

from __future__ import annotations

import fcntl
import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Agent, Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, KEYCTL, PR
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.handle import HOLDS, Discrepancy
from pytest_isolation.boxes.local import Pipes, start_local
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import AgentLost, BoxError
from pytest_isolation.technologies import inject, launcher
from pytest_isolation.technologies.attach import filters, likeness
from pytest_isolation.technologies.namespaces.clone import CLONE

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.technologies.attach.target import Target

# prctl(2)
AMBIENT_RAISE, AMBIENT_CLEAR_ALL = 2, 4
SECBIT_NO_SETUID_FIXUP = 4
LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")


class Joining:
    """The way into the box of `target`; each run() is a new process in it, ended by `undo`."""

    def __init__(self, target: Target, undo: ExitStack) -> None:
        self.target, self.undo = target, undo
        self.unlike: tuple[Discrepancy, ...] = ()
        """In what the last process is not as the target."""
        self._because: dict[str, str] = {}
        self._filters: list[filters.Filter] | None = None
        self._theirs: dict[str, Any] = {}

    def run(self) -> Agent:
        """The agent of a new process in the box.  Raises BoxError with what was refused."""
        if self._filters is None:
            self._filters = self._read_filters()
        try:
            self._theirs = likeness.view(self.target.pid)
            agent, pid = self._start()
            self._confine(agent.proc, pid)
            self.unlike = (*likeness.compare(self._theirs, likeness.view(pid), self._because), *self._asking())
        except OSError as error:
            raise BoxError(f"{self._what}: {error.strerror} ({error.filename or 'while it was read'})") from None
        except AgentLost as error:
            raise BoxError(f"{self._what}: {error}. {inject.WHAT_ENDS_IT}") from None
        if not self.target.is_still_there():
            raise BoxError(f"{self._what}: the process ended meanwhile")
        return agent

    @property
    def _what(self) -> str:
        return f"joining the box of process {self.target.pid} ({self.target.name})"

    def facts(self) -> dict[str, Any]:
        """For the report: what was compared, and what of it is not alike."""
        return {
            "reproduced": [name for name in self._theirs if not any(f"its {name} " in one.what for one in self.unlike)],
            "not reproduced": [one.what for one in self.unlike],
            "stopped to read its filters": bool(self._filters),
        }

    # -- seccomp -------------------------------------------------------------------------

    def _read_filters(self) -> list[filters.Filter]:
        if self.target.status.get("Seccomp") in (None, "0"):
            return []
        try:
            return filters.read(self.target.pid)
        except BoxError as error:
            self._because["seccomp"] = str(error)
            return []

    def _asking(self) -> list[Discrepancy]:
        return [
            Discrepancy(f"its seccomp filter {one.asks}, which nobody answers for our process", invalidates=HOLDS)
            for one in self._filters or ()
            if one.asks
        ]

    # -- the way in ----------------------------------------------------------------------

    def _start(self) -> tuple[Agent, int]:
        """A process in the box's groups, namespaces and root, with its identity and every capability; and its pid."""
        pipes, binary = Pipes(), _sealed_agent()
        self.undo.callback(pipes.close)
        try:
            local = start_local(pass_fds=(*pipes.theirs, binary))
        finally:
            os.close(binary)
        self.undo.callback(local.close)
        pidfd = self._enter_namespaces(local.proc)
        # It must not be read, nor may a descriptor of the host be taken from it, by what already is in the box.
        must(local.proc.prctl(PR.SET_DUMPABLE, 0), "closing our process to others")
        child = local.proc.spawn()
        pid = child.pid  # our own process made it: it is the host's number
        self.undo.callback(child.end)
        self._enter_groups(pid)
        self._set_from_outside(pid)
        self._take_identity(child, pidfd)
        reads, writes = pipes.theirs
        # Standard error must be something, and not ours; this refuses every write.
        stdio = (reads, writes, reads)
        launcher.execute(child, binary, ["pytest-isolation-agent", "-d"], [f"PATH={launcher.PATH}"], stdio)
        for fd in (*pipes.theirs, binary):
            local.proc.close(fd)  # or the end of the agent would not be the end of its channel
        agent = launcher.hello(pipes)
        self.undo.callback(agent.close)
        return agent, pid

    def _enter_namespaces(self, proc: Proc) -> int:
        """All but the user namespace; returns the descriptor that stands for the target."""
        pid, kinds = self.target.pid, self.target.own_namespaces()
        pidfd = must(proc.pidfd_open(pid), "the process").value
        root = must(proc.openat(AT_FDCWD, f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY), "its root").value
        if not self.target.is_still_there():
            raise BoxError(f"{self._what}: the process ended meanwhile")
        if flags := sum(CLONE[kind] for kind in kinds - {"user"}):
            must(proc.setns(pidfd, flags), f"entering its namespaces ({', '.join(sorted(kinds - {'user'}))})")
        must(proc.fchdir(root), "entering its root")
        must(proc.chroot("."), "entering its root")
        proc.close(root)
        return pidfd

    def _enter_groups(self, pid: int) -> None:
        for place in set(self.target.groups().values()):
            try:
                (place / "cgroup.procs").write_text(str(pid), encoding="utf-8")
            except OSError as error:
                self._because["control groups"] = f"{place}/cgroup.procs: {error.strerror}"

    def _set_from_outside(self, pid: int) -> None:
        """Limits, scheduling and the like: what is refused (it takes CAP_SYS_RESOURCE) is seen by the comparison."""
        theirs = self._theirs
        for name, (soft, hard) in theirs["limits"].items():
            number = likeness.LIMITS[name]
            try:
                resource.prlimit(pid, number, (soft, hard))
            except (PermissionError, ValueError):
                _, most = resource.prlimit(pid, number)
                with suppress(PermissionError, ValueError):
                    resource.prlimit(pid, number, (most if soft < 0 else min(soft, most), most))
                self._because["limits"] = f"{name} is {soft}:{hard}, and to go above {most} takes CAP_SYS_RESOURCE"
        policy, nice, processors = theirs["scheduling"]
        with suppress(OSError):
            os.sched_setscheduler(pid, policy, os.sched_getparam(self.target.pid))
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, nice)
        with suppress(OSError):
            os.sched_setaffinity(pid, processors)
        with suppress(OSError):
            Path(f"/proc/{pid}/oom_score_adj").write_text(theirs["oom_score_adj"], encoding="utf-8")

    def _take_identity(self, child: Proc, pidfd: int) -> None:
        """Ids are the host's numbers, so they are set before the user namespace is entered, which keeps them."""
        theirs = self._theirs
        # An anonymous one: ours may hold keys of the host's (session-keyring(7)).  No keys in the kernel: none to hide.
        child.keyctl(KEYCTL.JOIN_SESSION_KEYRING, 0)
        child.umask(int(theirs["umask"], 8))
        child.personality(int(theirs["personality"], 16))
        must(child.prctl(PR.SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP), "keeping capabilities")
        uid, gid = ([int(one) for one in theirs[f"{word} ids"][:3]] for word in ("user", "group"))
        must(child.setgroups([int(one) for one in theirs["groups"]]), "its groups")
        must(child.setresgid(*gid), f"its group ids {gid}")
        must(child.setresuid(*uid), f"its user ids {uid}")
        if "user" in self.target.own_namespaces():
            must(child.setns(pidfd, CLONE["user"]), "entering its user namespace")
        # An exec takes from everybody but root what is not ambient.
        everything = _everything(child)
        must(child.capset(everything, everything, everything), "keeping capabilities")
        program = Program()
        for one in _numbers(everything):
            program.prctl(PR.CAP_AMBIENT, AMBIENT_RAISE, one)
        child.run(program)

    # -- what confines it ----------------------------------------------------------------

    def _confine(self, proc: Proc, pid: int) -> None:
        """Down to what the target has.  In one program: nothing of the box's sees a state between."""
        theirs, found = self._theirs, self._filters or []
        program = Program()
        program.prctl(PR.SET_SECUREBITS, 0)
        program.prctl(PR.CAP_AMBIENT, AMBIENT_CLEAR_ALL)
        for one in range(int(text_of(LAST_CAPABILITY)) + 1):
            if not theirs["CapBnd"] >> one & 1:
                program.prctl(PR.CAPBSET_DROP, one)
        if theirs["no_new_privs"] == "1":
            program.prctl(PR.SET_NO_NEW_PRIVS, 1)
        for each in found:
            filters.lay_on(program, each)
        program.capset(theirs["CapEff"], theirs["CapPrm"], theirs["CapInh"])
        for one in _numbers(theirs["CapAmb"]):
            program.prctl(PR.CAP_AMBIENT, AMBIENT_RAISE, one)
        if found:
            with filters.suspended(pid):
                proc.run(program)
        else:
            proc.run(program)
        must(proc.getpid(), "a call in the box")


def _sealed_agent() -> int:
    """The agent in memory that nobody can write to."""
    found = os.memfd_create("pytest-isolation-agent", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(found, agent_binary().read_bytes())
    fcntl.fcntl(
        found, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
    )
    return found


def _everything(child: Proc) -> int:
    """The capabilities `child` may have: all it is permitted, by capget(2)."""
    reply = must(child.capget(), "capabilities")
    words = [int.from_bytes(reply.outs[-1][at : at + 4], "little") for at in range(0, 24, 4)]
    return words[1] | words[4] << 32


def _numbers(capabilities: int) -> list[int]:
    return [one for one in range(64) if capabilities >> one & 1]
