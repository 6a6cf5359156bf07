"""What each capability lets a process do, tried by the least harmful call that asks for it: capabilities(7).

Each is made by a child of the box's own, on things of its own (a memory file, its own limits, nothing at all), and so
that it has no effect where it is allowed: with arguments that are refused *after* the kernel has looked for the
capability, or with the value that is there.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program, Replies, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD, IPC, IPC_GET, IPC_PRIVATE, PR
from pytest_isolation.agent.memory import In, Step
from pytest_isolation.agent.shortcuts import needed
from pytest_isolation.errors import Undecided
from pytest_isolation.outside.network.listeners import sockaddr_in

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc

IDS = 1, 2**31 - 2
"""Users and groups that are drawn."""
NAME = "pytest-isolation-nothing"
"""A file that is not there."""

LOG_CONSOLE_LEVEL, TOO_LONG = 8, 9  # syslog(2)
FIBMAP, FS_IOC_SETFLAGS, FS_APPEND_FL = 1, 0x4008_6602, 0x20  # ioctl(2), ioctl_iflags(2)
RLIMIT_MEMLOCK = 8  # getrlimit(2)
CLOCK_REALTIME_ALARM = 8  # timerfd_create(2)
PERF_TYPE_SOFTWARE, PERF_ATTR_SIZE = 1, 112  # perf_event_open(2)
BPF_MAP_CREATE, BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC = 0, 11, 1  # bpf(2)
VFS_CAP_REVISION_2 = 0x0200_0000
NUMBERS = {"PERFMON": 38}  # capability.h
ANONYMOUS = 0x22  # MAP_PRIVATE | MAP_ANONYMOUS


@dataclass(frozen=True, slots=True)
class Capability:
    """A capability of capabilities(7), and the call that shows whether a process has it."""

    name: str
    """capabilities(7), without CAP_."""
    does: str
    """What a process with it does: completes "no process of the box ..."."""
    act: Callable[[Proc, int], Reply]
    """By a child of the box, with a number from IDS: the reply of the call that asks for the capability."""
    past: frozenset[int] = frozenset()
    """Errnos by which the kernel refuses what it was asked for, once it has found the capability."""
    host: bool = False
    """It acts on the machine; else it takes a layer of defence away."""
    refused_by: str = ""
    """Kernels that refuse it to a process that has this capability alone: completes "refuses it by ..."."""

    @property
    def slug(self) -> str:
        """As in a guarantee's id: net-admin."""
        return self.name.lower().replace("_", "-")

    def had(self, reply: Reply) -> bool:
        """Whether the reply is one of a process that has the capability."""
        return reply.ok or reply.errno in self.past

    def serves(self, host: Proc) -> bool:
        """Whether a process of the machine that has this capability alone is let; True where none can be made.

        Kernels of distributions ask for more than the man page says.
        """
        with host.spawn() as child:
            alone = 1 << NUMBERS[self.name]
            return not child.capset(alone, alone).ok or self.had(self.act(child, IDS[0]))


REFUSALS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})
"""How a kernel, or a filter, says no."""


def _after(replies: Replies, act: Step, what: str) -> Reply:
    """The reply of the act.  Raises Undecided where a call before it was refused: `what` it was to make, a noun."""
    if not replies.ran(act):
        needed(replies[len(replies) - 1], what)
    return replies[act]


def _memory_file(proc: Proc, last: Callable[[Program, Step], Step]) -> Reply:
    """The reply of the last call of a program that begins with a memory file."""
    program = Program(stop_on_error=True)
    act = last(program, program.memfd_create("pytest-isolation"))
    return _after(proc.run(program), act, "a memory file")


def _ioctl(request: int, argument: bytes) -> Callable[[Proc, int], Reply]:
    return lambda proc, _: _memory_file(proc, lambda program, fd: program.ioctl(fd, request, In(argument)))


def _hang_up(proc: Proc, _: int) -> Reply:
    proc.setsid()  # without a terminal there is nothing to hang up
    return proc.call("vhangup")


def _lock_memory(proc: Proc, _: int) -> Reply:
    program = Program(stop_on_error=True)
    program.prlimit64(0, RLIMIT_MEMLOCK, (0, 0))
    act = program.mlock(program.mmap(0, 4096, 3, ANONYMOUS), 4096)
    return _after(proc.run(program), act, "memory, and no right to lock it")


def _stat_segment(proc: Proc, _: int) -> Reply:
    """Its owner may not look at a segment of mode 0, but for the capability."""
    program = Program()
    made = program.shmget(IPC_PRIVATE, 4096, IPC_GET.CREAT)
    asked = program.shmctl(made, IPC.STAT)
    program.shmctl(made, IPC.RMID)
    replies = proc.run(program)
    needed(replies[made], "a shared memory segment")
    return replies[asked]


def _perf(proc: Proc, _: int) -> Reply:
    attributes = struct.pack("<2I", PERF_TYPE_SOFTWARE, PERF_ATTR_SIZE).ljust(PERF_ATTR_SIZE, b"\0")
    return proc.perf_event_open(attributes, -1, 0)


def _bpf(proc: Proc, _: int) -> Reply:
    attributes = struct.pack("<5I", BPF_MAP_TYPE_LPM_TRIE, 8, 4, 1, BPF_F_NO_PREALLOC).ljust(120, b"\0")
    return proc.bpf(BPF_MAP_CREATE, attributes)


def _open_map(proc: Proc, _: int) -> Reply:
    """A file in map_files, which only a process that saves and restores others may follow: proc_pid_map_files(5)."""
    program = Program(stop_on_error=True)
    fd = program.openat(AT_FDCWD, "/proc/self/map_files", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    names = program.getdents64(fd, 4096)
    replies = proc.run(program)
    _after(replies, names, "/proc/self/map_files")
    data, at, found = replies[names].data, 0, ""
    while at < len(data):
        length = int.from_bytes(data[at + 16 : at + 18], "little")
        found = os.fsdecode(data[at + 19 : at + length].split(b"\0", 1)[0])
        at += length
    if not found:
        raise Undecided("the box does not let us have an entry of /proc/self/map_files")
    return proc.openat(AT_FDCWD, f"/proc/self/map_files/{found}", os.O_RDONLY | os.O_CLOEXEC)


def _open_closed(proc: Proc, _: int) -> Reply:
    """A file of mode 0 of one's own, opened again."""
    fd = needed(proc.memfd_create("pytest-isolation"), "a memory file")
    needed(proc.fchmod(fd.value, 0), "a memory file of mode 0")
    return proc.openat(AT_FDCWD, f"/proc/self/fd/{fd.value}", os.O_RDWR | os.O_CLOEXEC)


def _bind_low(proc: Proc, number: int) -> Reply:
    fd = needed(proc.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC), "a socket")
    return proc.bind(fd.value, sockaddr_in("127.0.0.1", 512 + number % 512))


def _make_node(proc: Proc, number: int) -> Reply:
    """A node of /dev/null's number, removed in the same round trip."""
    name = f"/tmp/pytest-isolation-{number}"
    program = Program()
    made = program.mknodat(AT_FDCWD, name, 0o020600, os.makedev(1, 3))
    program.unlinkat(AT_FDCWD, name)
    return proc.run(program)[made]


def _take_precedence(proc: Proc, number: int) -> Reply:
    """From nice 0: who inherited less, of whoever runs this, may go down to that again, and needs nothing for it."""
    program = Program()
    program.setpriority(0, 0, 0)
    taken = program.setpriority(0, 0, -1 - number % 19)
    return proc.run(program)[taken]


_CAPABILITY = struct.pack("<5I", VFS_CAP_REVISION_2 | 1, 1 << 10, 0, 0, 0)

TABLE = (
    Capability(
        "SYS_BOOT", "asks for a reboot", lambda proc, _: proc.reboot(0, 0, 0), frozenset({errno.EINVAL}), host=True
    ),
    Capability(
        "SYS_RAWIO",
        "asks where on the disk a file lies",
        _ioctl(FIBMAP, bytes(4)),
        frozenset({errno.EINVAL}),
        host=True,
    ),
    Capability(
        "SYS_PACCT",
        "switches the accounting of processes",
        lambda proc, _: proc.acct(f"/{NAME}"),
        frozenset({errno.ENOENT}),
        host=True,
    ),
    Capability(
        "SYSLOG",
        "sets what of the kernel's log the console shows",
        lambda proc, _: proc.syslog(LOG_CONSOLE_LEVEL, TOO_LONG),
        frozenset({errno.EINVAL}),
        host=True,
    ),
    Capability("SYS_TTY_CONFIG", "hangs up a terminal", _hang_up),
    Capability("SYS_NICE", "takes precedence over others", _take_precedence),
    Capability("IPC_LOCK", "locks memory beyond its limit", _lock_memory),
    Capability("IPC_OWNER", "looks at a shared memory segment that nobody may look at", _stat_segment),
    Capability("LINUX_IMMUTABLE", "makes a file append-only", _ioctl(FS_IOC_SETFLAGS, struct.pack("<Q", FS_APPEND_FL))),
    Capability(
        "WAKE_ALARM",
        "sets an alarm that wakes the machine",
        lambda proc, _: proc.timerfd_create(CLOCK_REALTIME_ALARM, os.O_CLOEXEC),
    ),
    Capability(
        "PERFMON",
        "counts events of a whole processor",
        _perf,
        host=True,
        refused_by="kernel.perf_event_paranoid = 3, with which Debian's asks for CAP_SYS_ADMIN",
    ),
    Capability("BPF", "makes a BPF map that only the privileged make", _bpf),
    Capability("CHECKPOINT_RESTORE", "opens what a process has mapped by its place in memory", _open_map),
    Capability(
        "CHOWN",
        "gives a file away",
        lambda proc, n: _memory_file(proc, lambda program, fd: program.fchownat(fd, "", n, -1, AT.EMPTY_PATH)),
    ),
    Capability("DAC_OVERRIDE", "opens a file whose mode lets nobody", _open_closed),
    Capability("SETUID", "becomes another user", lambda proc, n: proc.setresuid(n, n, n)),
    Capability("SETGID", "becomes another group", lambda proc, n: proc.setresgid(n, n, n)),
    Capability(
        "SETPCAP",
        "changes its bounding set",
        lambda proc, n: proc.prctl(PR.CAPBSET_DROP, n % 40),
    ),
    Capability(
        "SETFCAP",
        "gives a file capabilities",
        lambda proc, _: _memory_file(
            proc,
            lambda program, fd: program.call(
                "fsetxattr", fd, "security.capability", In(_CAPABILITY), len(_CAPABILITY), 0
            ),
        ),
    ),
    Capability("SYS_CHROOT", "changes its root directory", lambda proc, _: proc.chroot("/")),
    Capability("MKNOD", "makes a device node", _make_node),
    Capability("NET_BIND_SERVICE", "takes a port below 1024", _bind_low),
)
"""In no order that matters.  Not here: what other guarantees try (SYS_ADMIN, SYS_PTRACE, SYS_TIME, NET_ADMIN, NET_RAW,
DAC_READ_SEARCH), what needs a second user or a module to be tried (KILL, FOWNER, FSETID, LEASE, SYS_MODULE), and what
would leave a trace (AUDIT_*)."""
