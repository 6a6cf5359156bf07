"""Time, events, and the system as a whole."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pytest_isolation.agent.calls.base import Calls, Number, PathArg, T, timespec
from pytest_isolation.agent.memory import In, OutBuffer


class System(Calls[T]):
    """Time, events, and the system as a whole."""

    def clock_gettime(self, clock: int) -> T:
        """clock_gettime(2)."""
        return self.call("clock_gettime", clock, OutBuffer(16))

    def clock_settime(self, clock: int, seconds: float) -> T:
        """clock_settime(2)."""
        return self.call("clock_settime", clock, In(timespec(seconds)))

    def clock_nanosleep(self, clock: int, seconds: float, flags: int = 0) -> T:
        """clock_nanosleep(2)."""
        return self.call("clock_nanosleep", clock, flags, In(timespec(seconds)), None)

    def nanosleep(self, seconds: float) -> T:
        """nanosleep(2)."""
        return self.call("nanosleep", In(timespec(seconds)), None)

    def ppoll(self, fds: Sequence[tuple[int, int]], seconds: float) -> T:
        """poll(2); struct pollfd[] is `reply.data`."""
        return self.call(
            "ppoll",
            OutBuffer(8 * len(fds), data=b"".join(struct.pack("<ihh", fd, events, 0) for fd, events in fds)),
            len(fds),
            In(timespec(seconds)),
            None,
            8,
        )

    def eventfd2(self, initial: int = 0, flags: int = 0) -> T:
        """eventfd(2)."""
        return self.call("eventfd2", initial, flags)

    def epoll_create1(self, flags: int = 0) -> T:
        """epoll_create(2)."""
        return self.call("epoll_create1", flags)

    def timerfd_create(self, clock: int, flags: int = 0) -> T:
        """timerfd_create(2)."""
        return self.call("timerfd_create", clock, flags)

    def signalfd4(self, fd: Number, mask: int, flags: int = 0) -> T:
        """signalfd(2)."""
        return self.call("signalfd4", fd, In(struct.pack("<Q", mask)), 8, flags)

    def uname(self) -> T:
        """uname(2)."""
        return self.call("uname", OutBuffer(390))

    def sysinfo(self) -> T:
        """sysinfo(2)."""
        return self.call("sysinfo", OutBuffer(112))

    def syslog(self, kind: int, size: int = 4096) -> T:
        """syslog(2)."""
        return self.call("syslog", kind, OutBuffer(size, filled=True), size)

    def bpf(self, command: int, attributes: bytes) -> T:
        """bpf(2)."""
        return self.call("bpf", command, In(attributes), len(attributes))

    def perf_event_open(self, attributes: bytes, pid: Number, cpu: int, group: int = -1, flags: int = 0) -> T:
        """perf_event_open(2)."""
        return self.call("perf_event_open", In(attributes), pid, cpu, group, flags)

    def userfaultfd(self, flags: int = 0) -> T:
        """userfaultfd(2)."""
        return self.call("userfaultfd", flags)

    def io_uring_setup(self, entries: int) -> T:
        """io_uring_setup(2)."""
        return self.call("io_uring_setup", entries, OutBuffer(120))

    def landlock_create_ruleset(self, attributes: bytes | None, flags: int = 0) -> T:
        """landlock_create_ruleset(2)."""
        return self.call(
            "landlock_create_ruleset",
            None if attributes is None else In(attributes),
            0 if attributes is None else len(attributes),
            flags,
        )

    def finit_module(self, fd: Number, parameters: str = "", flags: int = 0) -> T:
        """init_module(2)."""
        return self.call("finit_module", fd, parameters, flags)

    def exit_group(self, status: int) -> T:
        """exit_group(2): it has no answer."""
        return self.call("exit_group", status)

    def acct(self, path: PathArg | None) -> T:
        """acct(2)."""
        return self.call("acct", path)
