"""Newer interfaces of the kernel that runtimes and workloads use."""

from __future__ import annotations

import errno
import os
import struct

from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import In
from pytest_isolation.support import programs
from pytest_isolation.support.feature import feature, lockdown, parameter, sysctl
from pytest_isolation.support.trial import Absent, Refused, Trial, Untried, check, need


@feature("call.clone3", "processes started in a namespace or group at once", since="5.3")
def clone3(t: Trial) -> None:
    """clone3(2) with a flag that cannot be, refused as EINVAL and not as unknown"""
    answer = t.proc.call("clone3", In(struct.pack("<11Q", 0xFFFF_0000_0000_0000, *[0] * 10)), 88)
    if answer.errno != errno.EINVAL:
        need(answer)


@feature("call.close-range", "descriptors closed at once before a program starts", since="5.9")
def close_range(t: Trial) -> None:
    """close_range(2) over one descriptor"""
    fd = need(t.proc.eventfd2()).value
    need(t.proc.close_range(fd, fd))
    check(t.proc.fcntl(fd, 1).errno == errno.EBADF, "the descriptor is still open")


@feature("call.openat2", "paths that cannot leave a directory", since="5.6")
def openat2(t: Trial) -> None:
    """openat2(2) with RESOLVE_BENEATH refuses .."""
    directory = t.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    answer = t.proc.openat2(directory, "..", os.O_RDONLY, 0, 0x08)
    if answer.errno != errno.EXDEV:
        need(answer)
        check(False, ".. was opened")


@feature("call.pidfd", "processes named without a race", since="5.3")
def pidfd(t: Trial) -> None:
    """pidfd_open(2) of a child, and a signal through it"""
    with t.child() as child:
        fd = need(t.proc.pidfd_open(child.pid)).value
        need(t.proc.call("pidfd_send_signal", fd, 0, None, 0))


@feature("call.pidfd-getfd", "descriptors taken from a process", since="5.6")
def pidfd_getfd(t: Trial) -> None:
    """pidfd_getfd(2) of a child's descriptor"""
    with t.child() as child:
        theirs = need(child.eventfd2()).value
        need(t.proc.call("pidfd_getfd", need(t.proc.pidfd_open(child.pid)).value, theirs, 0))


@feature(
    "call.memfd-seal", "a runtime's own program sealed against its box", since="3.17", config="MEMFD_CREATE|SHMEM|TMPFS"
)
def sealed_memory(t: Trial) -> None:
    """a memory file sealed against writing refuses a write"""
    fd = need(t.proc.memfd_create("seal", 2)).value
    need(t.proc.fcntl(fd, 1033, 8))
    check(t.proc.write(fd, b"x").errno == errno.EPERM, "it was written")


@feature("call.execveat", "programs run from a descriptor", since="3.19")
def execveat(t: Trial) -> None:
    """execveat(2) of an empty memory file, refused as no program"""
    fd = need(t.proc.memfd_create("empty")).value
    answer = t.proc.execveat(fd, "", ["x"], flags=0x1000)
    if answer.errno not in (errno.ENOEXEC, errno.EACCES):
        need(answer)


@feature(
    "call.io-uring",
    "calls made in bulk",
    config="IO_URING",
    since="5.1",
    switches=(
        sysctl("kernel.io_uring_disabled", "2", to="0"),
        sysctl("kernel.io_uring_disabled", "1", to="0", only="user"),
    ),
    remedy="a seccomp filter that allows io_uring_setup",
)
def io_uring(t: Trial) -> None:
    """io_uring_setup(2) with eight entries"""
    need(t.proc.io_uring_setup(8))


@feature(
    "call.userfaultfd",
    "page faults handled by a program: migration of VMs and boxes",
    config="USERFAULTFD",
    since="4.3",
    switches=(sysctl("vm.unprivileged_userfaultfd", "0", to="1", only="user"),),
)
def userfaultfd(t: Trial) -> None:
    """userfaultfd(2), for faults of the kernel too"""
    need(t.proc.userfaultfd())


@feature(
    "call.bpf",
    "programs in the kernel: device lists of v2, observers",
    config="BPF_SYSCALL",
    switches=(sysctl("kernel.unprivileged_bpf_disabled", "1", "2", to="0", only="user"),),
    user="bpf(2) takes CAP_BPF where it is kept from users",
)
def bpf(t: Trial) -> None:
    """bpf(2) makes an array of one element"""
    need(t.proc.bpf(0, struct.pack("<4I", 2, 4, 8, 1).ljust(48, b"\0")))


@feature(
    "call.bpf-jit",
    "programs in the kernel at full speed",
    config="BPF_JIT",
    switches=(sysctl("net.core.bpf_jit_enable", "0", to="1"),),
)
def bpf_jit(t: Trial) -> None:
    """net.core.bpf_jit_enable is not 0"""
    value = t.kernel.sysctl("net/core/bpf_jit_enable")
    if value is None and t.kernel.configured(("BPF_JIT",)) == "n":
        raise Absent("there is no sysctl net.core.bpf_jit_enable")
    if value is None:
        raise Untried("the sysctl net.core.bpf_jit_enable shows in the machine's own network namespace alone")
    check(value != "0", "it is 0")


@feature(
    "call.perf",
    "performance counters",
    config="PERF_EVENTS",
    switches=(sysctl("kernel.perf_event_paranoid", "3", "4", to="2", only="user"),),
)
def perf(t: Trial) -> None:
    """perf_event_open(2): a software counter of the process itself, user space alone"""
    attributes = struct.pack("<IIQQQQQ", 1, 120, 1, 0, 0, 0, 1 << 5 | 1 << 6).ljust(120, b"\0")
    need(t.proc.perf_event_open(attributes, 0, -1))


@feature(
    "call.perf-kernel",
    "counters and tracing of the kernel itself",
    config="PERF_EVENTS",
    switches=(sysctl("kernel.perf_event_paranoid", "2", "3", "4", to="1", only="user"),),
)
def perf_kernel(t: Trial) -> None:
    """perf_event_open(2): a sampled counter of the kernel"""
    attributes = struct.pack("<IIQQQQQ", 1, 120, 0, 10_000_000, 1, 0, 0).ljust(120, b"\0")
    need(t.proc.perf_event_open(attributes, 0, -1))


@feature(
    "call.kcore",
    "the kernel's memory as a file: crash tools",
    config="PROC_KCORE",
    switches=(lockdown("confidentiality"),),
    user="/proc/kcore is root's",
)
def kcore(t: Trial) -> None:
    """open /proc/kcore, and read nothing of it"""
    t.open("/proc/kcore", os.O_RDONLY)


@feature(
    "call.module-load",
    "modules of the kernel loaded when they are needed",
    config="MODULES",
    switches=(parameter("nomodule"), sysctl("kernel.modules_disabled", "1", to="0 (only a reboot can)")),
    user="loading modules takes CAP_SYS_MODULE",
)
def module_load(t: Trial) -> None:
    """finit_module(2) of something that is no module, refused for what it is"""
    fd = need(t.proc.memfd_create("none")).value
    answer = t.proc.finit_module(fd)
    if answer.errno not in (errno.ENOEXEC, errno.EINVAL, errno.EBADF, errno.ETXTBSY):
        need(answer)


@feature(
    "call.kexec",
    "another kernel started from this one",
    config="KEXEC|KEXEC_FILE",
    switches=(lockdown("integrity"), sysctl("kernel.kexec_load_disabled", "1", to="0 (only a reboot can)")),
    user="it takes CAP_SYS_BOOT",
)
def kexec(t: Trial) -> None:
    """kexec_load(2) with flags that cannot be, refused as EINVAL"""
    answer = t.proc.call("kexec_load", 0, 0, 0, 0x4000)
    if answer.errno != errno.EINVAL:
        need(answer)


@feature("call.kcmp", "checkpoint: which processes share what", config="KCMP")
def kcmp(t: Trial) -> None:
    """kcmp(2) of a process with itself"""
    own = need(t.proc.getpid()).value
    need(t.proc.kcmp(own, own, 0, 0, 0))


@feature(
    "call.checkpoint-restore",
    "boxes frozen to disk: criu",
    config="CHECKPOINT_RESTORE",
    user="it takes CAP_CHECKPOINT_RESTORE",
    remedy="a kernel with CONFIG_CHECKPOINT_RESTORE",
)
def checkpoint_restore(t: Trial) -> None:
    """a child whose number was chosen beforehand, by clone3's set_tid or ns_last_pid"""
    with t.child(0x20000000) as init:
        answer = init.openat(AT_FDCWD, "/proc/sys/kernel/ns_last_pid", os.O_RDWR)
        if answer.errno == errno.ENOENT:
            raise Absent("there is no /proc/sys/kernel/ns_last_pid")
        fd = need(answer).value
        need(init.write(fd, b"500"))
        with t.child(0, init) as child:
            check(child.pid == 501, f"the child is process {child.pid}, not 501")


@feature("call.map-files", "checkpoint: what is mapped where", config="CHECKPOINT_RESTORE|PROC_FS", since="4.3")
def map_files(t: Trial) -> None:
    """list /proc/self/map_files"""
    if not t.exists("/proc/self/map_files"):
        raise Absent("there is no /proc/self/map_files")
    t.open("/proc/self/map_files", os.O_RDONLY | os.O_DIRECTORY)


@feature("call.soft-dirty", "checkpoint: which pages changed", config="MEM_SOFT_DIRTY")
def soft_dirty(t: Trial) -> None:
    """clear the marks of a child, and a page just written is marked again"""
    with t.child() as child:
        fd = need(child.openat(AT_FDCWD, "/proc/self/clear_refs", os.O_WRONLY)).value
        need(child.write(fd, b"4"))
        page = need(child.mmap(0, 4096, 3, 0x8022)).value
        maps = need(child.openat(AT_FDCWD, "/proc/self/pagemap", os.O_RDONLY)).value
        entry = need(child.pread64(maps, 8, page // 4096 * 8)).data
        check(int.from_bytes(entry, "little") >> 55 & 1, "the mark is not set")


def _diagnosis(id: str, what: str, family: int, config: str, module: str) -> None:
    @feature(id, what, config=config, modules=module)
    def diagnose(t: Trial) -> None:
        """a netlink socket of the kind sock_diag, asked for sockets of one family"""
        fd = need(t.proc.socket(16, 3, 4)).value
        request = struct.pack("<IHHII", 72, 20, 0x301, 1, 0) + struct.pack(
            "<BBBBI", family, 6 if family == 2 else 0, 0, 0, 0xFFFFFFFF
        )
        if family == 1:
            request = struct.pack("<IHHII", 40, 20, 0x301, 1, 0) + struct.pack(
                "<BBHIIIII", 1, 0, 0, 0xFFFFFFFF, 0, 0, 0, 0
            )
        elif family == 2:
            request += bytes(48)
        else:
            request = struct.pack("<IHHII", 36, 20, 0x301, 1, 0) + struct.pack("<BBHIIII", family, 0, 0, 0, 0, 0, 0)
        need(t.proc.sendto(fd, request, 0, struct.pack("<HHII", 16, 0, 0, 0)))
        answer = need(t.proc.recvfrom(fd, 8192, 0x40)).data
        kind = struct.unpack_from("<H", answer, 4)[0]
        code = struct.unpack_from("<i", answer, 16)[0] if kind in (2, 3) else 0  # an error, or the end of a list
        if code == -errno.ENOENT:
            raise Absent(f"the kernel cannot list sockets of family {family}")


_diagnosis("call.unix-diag", "checkpoint: sockets between processes", 1, "UNIX_DIAG", "unix_diag")
_diagnosis(
    "call.inet-diag", "checkpoint and ss: sockets of the network", 2, "INET_DIAG INET_TCP_DIAG", "inet_diag tcp_diag"
)
_diagnosis("call.packet-diag", "checkpoint: raw sockets", 17, "PACKET_DIAG", "af_packet_diag")
_diagnosis("call.netlink-diag", "checkpoint: netlink sockets", 16, "NETLINK_DIAG", "netlink_diag")


@feature(
    "call.compat-32bit",
    "32-bit images on a 64-bit kernel",
    config="IA32_EMULATION|COMPAT",
    switches=(parameter("ia32_emulation=0"),),
)
def compat(t: Trial) -> None:
    """a 32-bit program of ten instructions is started, and ends as it should"""
    if t.proc.agent.machine != "x86_64":
        raise Untried("the program is one for x86")
    fd = need(t.proc.memfd_create("program", 0)).value
    need(t.proc.write(fd, programs.ENDS_WITH_7))
    with t.child() as child:
        try:
            code = programs.exit_code(t, child, fd)
        except Refused as refused:
            if refused.reply.errno == errno.ENOEXEC:
                raise Absent("the kernel runs no 32-bit programs") from None
            raise
    check(code == 7, f"it ended with {code}")


@feature("call.sysvipc", "System V shared memory: databases", config="SYSVIPC")
def sysvipc(t: Trial) -> None:
    """shmget, in an ipc namespace of its own"""
    t.own(0x8000000)
    need(t.proc.shmget(0, 4096, 0o1600))


@feature("call.epoll", "waiting on many descriptors", config="EPOLL EVENTFD SIGNALFD TIMERFD")
def epoll(t: Trial) -> None:
    """epoll_create1, eventfd2, signalfd4 and timerfd_create"""
    for answer in (t.proc.epoll_create1(), t.proc.eventfd2(), t.proc.signalfd4(-1, 0), t.proc.timerfd_create(1)):
        need(answer)


@feature("call.fanotify", "whole mounts watched", config="FANOTIFY", user="before Linux 5.13 it takes CAP_SYS_ADMIN")
def fanotify(t: Trial) -> None:
    """fanotify_init(2), reporting by handle"""
    need(t.proc.fanotify_init(0x200))


@feature("call.membarrier", "barriers of memory between threads", config="MEMBARRIER", since="4.3")
def membarrier(t: Trial) -> None:
    """membarrier(MEMBARRIER_CMD_QUERY)"""
    need(t.proc.call("membarrier", 0, 0, 0))
