"""Processes, namespaces and signals."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pytest_isolation.agent.calls.base import Calls, Number, PathArg, T, timespec
from pytest_isolation.agent.memory import In, OutBuffer, Pointers, Struct, Value


class Processes(Calls[T]):
    """Processes, namespaces and signals."""

    def getpid(self) -> T:
        """getpid(2)."""
        return self.call("getpid")

    def getppid(self) -> T:
        """getppid(2)."""
        return self.call("getppid")

    def gettid(self) -> T:
        """gettid(2)."""
        return self.call("gettid")

    def getpgid(self, pid: Number = 0) -> T:
        """getpgid(2)."""
        return self.call("getpgid", pid)

    def getsid(self, pid: Number = 0) -> T:
        """getsid(2)."""
        return self.call("getsid", pid)

    def setpgid(self, pid: Number, pgid: Number) -> T:
        """setpgid(2)."""
        return self.call("setpgid", pid, pgid)

    def setsid(self) -> T:
        """setsid(2)."""
        return self.call("setsid")

    def kill(self, pid: Number, sig: int) -> T:
        """kill(2)."""
        return self.call("kill", pid, sig)

    def tkill(self, tid: Number, sig: int) -> T:
        """tkill(2)."""
        return self.call("tkill", tid, sig)

    def tgkill(self, pid: Number, tid: Number, sig: int) -> T:
        """tgkill(2)."""
        return self.call("tgkill", pid, tid, sig)

    def rt_sigqueueinfo(self, pid: Number, sig: int, code: int = -1, value: int = 0) -> T:
        """rt_sigqueueinfo(2)."""
        return self.call("rt_sigqueueinfo", pid, sig, In(struct.pack("<3i4x2iq100x", sig, 0, code, 0, 0, value)))

    def rt_sigaction(self, sig: int, handler: int | None = None) -> T:
        """sigaction(2) with SIG_DFL (0) or SIG_IGN (1); the action before is `reply.data`, first its handler, 8 bytes.

        Without `handler` nothing is set.
        """
        new = None if handler is None else In(struct.pack("<Q24x", handler))
        return self.call("rt_sigaction", sig, new, OutBuffer(32), 8)

    def rt_sigprocmask(self, how: int, mask: int) -> T:
        """sigprocmask(2)."""
        return self.call("rt_sigprocmask", how, In(struct.pack("<Q", mask)), OutBuffer(8), 8)

    def rt_sigtimedwait(self, mask: int, seconds: float) -> T:
        """sigtimedwait(2); siginfo_t is `reply.data`."""
        return self.call("rt_sigtimedwait", In(struct.pack("<Q", mask)), OutBuffer(128), In(timespec(seconds)), 8)

    def wait4(self, pid: Number, options: int = 0) -> T:
        """wait4(2); the status is the first 4 bytes."""
        return self.call("wait4", pid, OutBuffer(4), options, OutBuffer(144))

    def waitid(self, idtype: int, identifier: Number, options: int) -> T:
        """waitid(2)."""
        return self.call("waitid", idtype, identifier, OutBuffer(128), options, None)

    def execve(self, path: PathArg, argv: Sequence[str | bytes], environment: Sequence[str | bytes] = ()) -> T:
        """execve(2)."""
        return self.call("execve", path, Pointers((*argv, None)), Pointers((*environment, None)))

    def execveat(
        self,
        dirfd: Number,
        path: PathArg,
        argv: Sequence[str | bytes],
        environment: Sequence[str | bytes] = (),
        flags: int = 0,
    ) -> T:
        """execveat(2)."""
        return self.call("execveat", dirfd, path, Pointers((*argv, None)), Pointers((*environment, None)), flags)

    def unshare(self, flags: int) -> T:
        """unshare(2)."""
        return self.call("unshare", flags)

    def setns(self, fd: Number, nstype: int = 0) -> T:
        """setns(2)."""
        return self.call("setns", fd, nstype)

    def pidfd_open(self, pid: Number, flags: int = 0) -> T:
        """pidfd_open(2)."""
        return self.call("pidfd_open", pid, flags)

    def pidfd_getfd(self, pidfd: Number, fd: Number, flags: int = 0) -> T:
        """pidfd_getfd(2)."""
        return self.call("pidfd_getfd", pidfd, fd, flags)

    def pidfd_send_signal(self, pidfd: Number, sig: int) -> T:
        """pidfd_send_signal(2)."""
        return self.call("pidfd_send_signal", pidfd, sig, None, 0)

    def ptrace(self, request: int, pid: Number, address: int = 0, data: Value = 0) -> T:
        """ptrace(2)."""
        return self.call("ptrace", request, pid, address, data)

    def process_vm_readv(self, pid: Number, address: int, count: int) -> T:
        """process_vm_readv(2)."""
        return self.call(
            "process_vm_readv",
            pid,
            Struct((OutBuffer(count, filled=True), struct.pack("<Q", count))),
            1,
            In(struct.pack("<2Q", address, count)),
            1,
            0,
        )

    def process_vm_writev(self, pid: Number, address: int, data: bytes) -> T:
        """process_vm_writev(2)."""
        return self.call(
            "process_vm_writev",
            pid,
            Struct((In(data), struct.pack("<Q", len(data)))),
            1,
            In(struct.pack("<2Q", address, len(data))),
            1,
            0,
        )

    def kcmp(self, pid1: Number, pid2: Number, kind: int, index1: int = 0, index2: int = 0) -> T:
        """kcmp(2)."""
        return self.call("kcmp", pid1, pid2, kind, index1, index2)

    def prctl(self, option: int, a: Value = 0, b: Value = 0, c: Value = 0, d: Value = 0) -> T:
        """prctl(2)."""
        return self.call("prctl", option, a, b, c, d)

    def prlimit64(self, pid: Number, resource: int, new: tuple[int, int] | None = None) -> T:
        """prlimit(2)."""
        return self.call(
            "prlimit64", pid, resource, None if new is None else In(struct.pack("<2Q", *new)), OutBuffer(16)
        )

    def getrusage(self, who: int) -> T:
        """getrusage(2)."""
        return self.call("getrusage", who, OutBuffer(144))

    def getpriority(self, which: int, who: Number) -> T:
        """getpriority(2); the kernel answers 20 - nice."""
        return self.call("getpriority", which, who)

    def setpriority(self, which: int, who: Number, priority: int) -> T:
        """setpriority(2)."""
        return self.call("setpriority", which, who, priority)

    def sched_yield(self) -> T:
        """sched_yield(2)."""
        return self.call("sched_yield")

    def sched_getaffinity(self, pid: Number, size: int = 128) -> T:
        """sched_getaffinity(2)."""
        return self.call("sched_getaffinity", pid, size, OutBuffer(size, filled=True))

    def sched_setaffinity(self, pid: Number, mask: bytes) -> T:
        """sched_setaffinity(2)."""
        return self.call("sched_setaffinity", pid, len(mask), In(mask))

    def sched_getscheduler(self, pid: Number) -> T:
        """sched_getscheduler(2)."""
        return self.call("sched_getscheduler", pid)

    def sched_setscheduler(self, pid: Number, policy: int, priority: int = 0) -> T:
        """sched_setscheduler(2)."""
        return self.call("sched_setscheduler", pid, policy, In(struct.pack("<i", priority)))

    def ioprio_get(self, which: int, who: Number) -> T:
        """ioprio_get(2)."""
        return self.call("ioprio_get", which, who)

    def ioprio_set(self, which: int, who: Number, priority: int) -> T:
        """ioprio_set(2)."""
        return self.call("ioprio_set", which, who, priority)

    def personality(self, persona: int) -> T:
        """personality(2)."""
        return self.call("personality", persona)

    def reboot(self, magic1: int, magic2: int, command: int) -> T:
        """reboot(2)."""
        return self.call("reboot", magic1, magic2, command, None)

    def seccomp(self, operation: int, flags: int, argument: Value = None) -> T:
        """seccomp(2)."""
        return self.call("seccomp", operation, flags, argument)
