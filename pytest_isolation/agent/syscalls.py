"""System calls as the man pages have them.

One method a call, arguments in the manual's order; pointers are made from what Python has: a path
is str, bytes or a PathLike, structures are built from their fields, and what the call writes comes
back in the reply.  `Proc` makes a call at once and returns its Reply; `Program` adds it to a
program and returns the Step that stands for its result.

A call without a method: `syscall(number, *arguments)`.
"""

from __future__ import annotations

import os
import struct
from abc import abstractmethod
from collections.abc import Sequence
from typing import Generic, TypeAlias, TypeVar

from pytest_isolation.agent.memory import In, OutBuffer, Pointers, Step, Struct, Value

T = TypeVar("T")
Number: TypeAlias = "int | Step"
PathArg: TypeAlias = "str | bytes | os.PathLike[str]"


def _timespec(seconds: float) -> bytes:
    return struct.pack("<2q", *divmod(round(seconds * 1e9), 10**9))


def _capabilities(*sets: int) -> bytes:
    low = [mask & 0xFFFF_FFFF for mask in sets]
    return struct.pack("<6I", *low, *(mask >> 32 for mask in sets))


class Syscalls(Generic[T]):
    """What Proc and Program have in common: the calls."""

    @abstractmethod
    def _call(self, name: str, *args: Value) -> T: ...

    @abstractmethod
    def syscall(self, nr: int, *args: Value) -> T: ...

    # -- files -------------------------------------------------------------------------

    def openat(self, dirfd: Number, path: PathArg, flags: int, mode: Number = 0) -> T:
        """open(2)."""
        return self._call("openat", dirfd, path, flags, mode)

    def openat2(self, dirfd: Number, path: PathArg, flags: int, mode: int = 0, resolve: int = 0) -> T:
        """openat2(2)."""
        return self._call("openat2", dirfd, path, In(struct.pack("<3Q", flags, mode, resolve)), 24)

    def close(self, fd: Number) -> T:
        """close(2)."""
        return self._call("close", fd)

    def close_range(self, first: Number, last: Number, flags: int = 0) -> T:
        """close_range(2)."""
        return self._call("close_range", first, last, flags)

    def read(self, fd: Number, count: int) -> T:
        """read(2); the data is `reply.data`."""
        return self._call("read", fd, OutBuffer(count, filled=True), count)

    def pread64(self, fd: Number, count: int, offset: Number = 0) -> T:
        """pread(2)."""
        return self._call("pread64", fd, OutBuffer(count, filled=True), count, offset)

    def write(self, fd: Number, data: bytes) -> T:
        """write(2)."""
        return self._call("write", fd, In(data), len(data))

    def pwrite64(self, fd: Number, data: bytes, offset: Number) -> T:
        """pwrite(2)."""
        return self._call("pwrite64", fd, In(data), len(data), offset)

    def lseek(self, fd: Number, offset: int, whence: int) -> T:
        """lseek(2)."""
        return self._call("lseek", fd, offset, whence)

    def ftruncate(self, fd: Number, length: int) -> T:
        """ftruncate(2)."""
        return self._call("ftruncate", fd, length)

    def truncate(self, path: PathArg, length: int) -> T:
        """truncate(2)."""
        return self._call("truncate", path, length)

    def fallocate(self, fd: Number, mode: int, offset: int, length: int) -> T:
        """fallocate(2)."""
        return self._call("fallocate", fd, mode, offset, length)

    def fsync(self, fd: Number) -> T:
        """fsync(2)."""
        return self._call("fsync", fd)

    def fcntl(self, fd: Number, command: int, argument: Value = 0) -> T:
        """fcntl(2)."""
        return self._call("fcntl", fd, command, argument)

    def flock(self, fd: Number, operation: int) -> T:
        """flock(2)."""
        return self._call("flock", fd, operation)

    def ioctl(self, fd: Number, request: int, argument: Value = 0) -> T:
        """ioctl(2)."""
        return self._call("ioctl", fd, request, argument)

    def dup(self, fd: Number) -> T:
        """dup(2)."""
        return self._call("dup", fd)

    def dup3(self, old: Number, new: Number, flags: int = 0) -> T:
        """dup3(2)."""
        return self._call("dup3", old, new, flags)

    def pipe2(self, flags: int = 0) -> T:
        """pipe(2); the two descriptors are in `reply.data`."""
        return self._call("pipe2", OutBuffer(8), flags)

    def fstat(self, fd: Number) -> T:
        """fstat(2)."""
        return self._call("fstat", fd, OutBuffer(144))

    def newfstatat(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """stat(2); the layout of struct stat is the architecture's: prefer statx."""
        return self._call("newfstatat", dirfd, path, OutBuffer(144), flags)

    def statx(self, dirfd: Number, path: PathArg, flags: int = 0, mask: int = 0x17FF) -> T:
        """statx(2)."""
        return self._call("statx", dirfd, path, flags, mask, OutBuffer(256))

    def statfs(self, path: PathArg) -> T:
        """statfs(2)."""
        return self._call("statfs", path, OutBuffer(120))

    def getdents64(self, fd: Number, count: int = 32768) -> T:
        """getdents64(2)."""
        return self._call("getdents64", fd, OutBuffer(count, filled=True), count)

    def getcwd(self, size: int = 4096) -> T:
        """getcwd(2)."""
        return self._call("getcwd", OutBuffer(size, filled=True), size)

    def chdir(self, path: PathArg) -> T:
        """chdir(2)."""
        return self._call("chdir", path)

    def fchdir(self, fd: Number) -> T:
        """fchdir(2)."""
        return self._call("fchdir", fd)

    def chroot(self, path: PathArg) -> T:
        """chroot(2)."""
        return self._call("chroot", path)

    def mkdirat(self, dirfd: Number, path: PathArg, mode: int = 0o755) -> T:
        """mkdir(2)."""
        return self._call("mkdirat", dirfd, path, mode)

    def mknodat(self, dirfd: Number, path: PathArg, mode: int, device: int = 0) -> T:
        """mknod(2)."""
        return self._call("mknodat", dirfd, path, mode, device)

    def unlinkat(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """unlink(2)."""
        return self._call("unlinkat", dirfd, path, flags)

    def renameat2(self, olddirfd: Number, old: PathArg, newdirfd: Number, new: PathArg, flags: int = 0) -> T:
        """rename(2)."""
        return self._call("renameat2", olddirfd, old, newdirfd, new, flags)

    def linkat(self, olddirfd: Number, old: PathArg, newdirfd: Number, new: PathArg, flags: int = 0) -> T:
        """link(2)."""
        return self._call("linkat", olddirfd, old, newdirfd, new, flags)

    def symlinkat(self, target: PathArg, dirfd: Number, path: PathArg) -> T:
        """symlink(2)."""
        return self._call("symlinkat", target, dirfd, path)

    def readlinkat(self, dirfd: Number, path: PathArg, size: int = 4096) -> T:
        """readlink(2)."""
        return self._call("readlinkat", dirfd, path, OutBuffer(size, filled=True), size)

    def faccessat(self, dirfd: Number, path: PathArg, mode: int) -> T:
        """access(2)."""
        return self._call("faccessat", dirfd, path, mode)

    def fchmodat(self, dirfd: Number, path: PathArg, mode: int) -> T:
        """chmod(2)."""
        return self._call("fchmodat", dirfd, path, mode)

    def fchmod(self, fd: Number, mode: int) -> T:
        """fchmod(2)."""
        return self._call("fchmod", fd, mode)

    def fchownat(self, dirfd: Number, path: PathArg, uid: int, gid: int, flags: int = 0) -> T:
        """chown(2)."""
        return self._call("fchownat", dirfd, path, uid, gid, flags)

    def utimensat(self, dirfd: Number, path: PathArg | None, atime_ns: int, mtime_ns: int, flags: int = 0) -> T:
        """utimensat(2)."""
        return self._call(
            "utimensat", dirfd, path, In(struct.pack("<4q", *divmod(atime_ns, 10**9), *divmod(mtime_ns, 10**9))), flags
        )

    def umask(self, mask: int) -> T:
        """umask(2)."""
        return self._call("umask", mask)

    def lsetxattr(self, path: PathArg, name: str, value: bytes, flags: int = 0) -> T:
        """setxattr(2)."""
        return self._call("lsetxattr", path, name, In(value), len(value), flags)

    def lgetxattr(self, path: PathArg, name: str, size: int = 4096) -> T:
        """getxattr(2)."""
        return self._call("lgetxattr", path, name, OutBuffer(size, filled=True), size)

    def llistxattr(self, path: PathArg, size: int = 4096) -> T:
        """listxattr(2)."""
        return self._call("llistxattr", path, OutBuffer(size, filled=True), size)

    def lremovexattr(self, path: PathArg, name: str) -> T:
        """removexattr(2)."""
        return self._call("lremovexattr", path, name)

    def sendfile(self, out: Number, source: Number, count: int) -> T:
        """sendfile(2)."""
        return self._call("sendfile", out, source, None, count)

    def copy_file_range(self, source: Number, out: Number, count: int) -> T:
        """copy_file_range(2)."""
        return self._call("copy_file_range", source, None, out, None, count, 0)

    def splice(self, source: Number, out: Number, count: int, flags: int = 0) -> T:
        """splice(2)."""
        return self._call("splice", source, None, out, None, count, flags)

    def sync(self) -> T:
        """sync(2)."""
        return self._call("sync")

    def syncfs(self, fd: Number) -> T:
        """syncfs(2)."""
        return self._call("syncfs", fd)

    def memfd_create(self, name: str, flags: int = 0) -> T:
        """memfd_create(2)."""
        return self._call("memfd_create", name, flags)

    def name_to_handle_at(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """name_to_handle_at(2)."""
        return self._call(
            "name_to_handle_at", dirfd, path, OutBuffer(136, data=struct.pack("<I", 128)), OutBuffer(4), flags
        )

    def open_by_handle_at(self, mount_fd: Number, handle: bytes, flags: int = 0) -> T:
        """open_by_handle_at(2)."""
        return self._call("open_by_handle_at", mount_fd, In(handle), flags)

    def inotify_init1(self, flags: int = 0) -> T:
        """inotify_init(2)."""
        return self._call("inotify_init1", flags)

    def inotify_add_watch(self, fd: Number, path: PathArg, mask: int) -> T:
        """inotify_add_watch(2)."""
        return self._call("inotify_add_watch", fd, path, mask)

    def fanotify_init(self, flags: int, event_flags: int = 0) -> T:
        """fanotify_init(2)."""
        return self._call("fanotify_init", flags, event_flags)

    def quotactl(self, command: int, special: PathArg | None, identifier: int = 0) -> T:
        """quotactl(2)."""
        return self._call("quotactl", command, special, identifier, OutBuffer(128))

    # -- mounts ------------------------------------------------------------------------

    def mount(
        self, source: PathArg | None, target: PathArg, fstype: str | None, flags: int = 0, data: str | None = None
    ) -> T:
        """mount(2)."""
        return self._call("mount", source, target, fstype, flags, data)

    def umount2(self, target: PathArg, flags: int = 0) -> T:
        """umount(2)."""
        return self._call("umount2", target, flags)

    def pivot_root(self, new_root: PathArg, put_old: PathArg) -> T:
        """pivot_root(2)."""
        return self._call("pivot_root", new_root, put_old)

    def fsopen(self, fstype: str, flags: int = 0) -> T:
        """fsopen(2)."""
        return self._call("fsopen", fstype, flags)

    def fsconfig(self, fd: Number, command: int, key: str | None = None, value: Value = None, aux: Number = 0) -> T:
        """fsconfig(2)."""
        return self._call("fsconfig", fd, command, key, value, aux)

    def fsmount(self, fd: Number, flags: int = 0, attributes: int = 0) -> T:
        """fsmount(2)."""
        return self._call("fsmount", fd, flags, attributes)

    def fspick(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """fspick(2)."""
        return self._call("fspick", dirfd, path, flags)

    def open_tree(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """open_tree(2)."""
        return self._call("open_tree", dirfd, path, flags)

    def move_mount(
        self, from_dirfd: Number, from_path: PathArg, to_dirfd: Number, to_path: PathArg, flags: int = 0
    ) -> T:
        """move_mount(2)."""
        return self._call("move_mount", from_dirfd, from_path, to_dirfd, to_path, flags)

    def mount_setattr(
        self,
        dirfd: Number,
        path: PathArg,
        flags: int,
        set_: int = 0,
        clear: int = 0,
        propagation: int = 0,
        userns_fd: int = 0,
    ) -> T:
        """mount_setattr(2)."""
        return self._call(
            "mount_setattr", dirfd, path, flags, In(struct.pack("<4Q", set_, clear, propagation, userns_fd)), 32
        )

    def swapon(self, path: PathArg, flags: int = 0) -> T:
        """swapon(2)."""
        return self._call("swapon", path, flags)

    def swapoff(self, path: PathArg) -> T:
        """swapoff(2)."""
        return self._call("swapoff", path)

    # -- processes ---------------------------------------------------------------------

    def getpid(self) -> T:
        """getpid(2)."""
        return self._call("getpid")

    def getppid(self) -> T:
        """getppid(2)."""
        return self._call("getppid")

    def gettid(self) -> T:
        """gettid(2)."""
        return self._call("gettid")

    def getpgid(self, pid: Number = 0) -> T:
        """getpgid(2)."""
        return self._call("getpgid", pid)

    def getsid(self, pid: Number = 0) -> T:
        """getsid(2)."""
        return self._call("getsid", pid)

    def setpgid(self, pid: Number, pgid: Number) -> T:
        """setpgid(2)."""
        return self._call("setpgid", pid, pgid)

    def setsid(self) -> T:
        """setsid(2)."""
        return self._call("setsid")

    def kill(self, pid: Number, sig: int) -> T:
        """kill(2)."""
        return self._call("kill", pid, sig)

    def tkill(self, tid: Number, sig: int) -> T:
        """tkill(2)."""
        return self._call("tkill", tid, sig)

    def tgkill(self, pid: Number, tid: Number, sig: int) -> T:
        """tgkill(2)."""
        return self._call("tgkill", pid, tid, sig)

    def rt_sigqueueinfo(self, pid: Number, sig: int, code: int = -1, value: int = 0) -> T:
        """rt_sigqueueinfo(2)."""
        return self._call("rt_sigqueueinfo", pid, sig, In(struct.pack("<3i4x2iq100x", sig, 0, code, 0, 0, value)))

    def rt_sigprocmask(self, how: int, mask: int) -> T:
        """sigprocmask(2)."""
        return self._call("rt_sigprocmask", how, In(struct.pack("<Q", mask)), OutBuffer(8), 8)

    def rt_sigtimedwait(self, mask: int, seconds: float) -> T:
        """sigtimedwait(2); siginfo_t is `reply.data`."""
        return self._call("rt_sigtimedwait", In(struct.pack("<Q", mask)), OutBuffer(128), In(_timespec(seconds)), 8)

    def wait4(self, pid: Number, options: int = 0) -> T:
        """wait4(2); the status is the first 4 bytes."""
        return self._call("wait4", pid, OutBuffer(4), options, OutBuffer(144))

    def waitid(self, idtype: int, identifier: Number, options: int) -> T:
        """waitid(2)."""
        return self._call("waitid", idtype, identifier, OutBuffer(128), options, None)

    def execve(self, path: PathArg, argv: Sequence[str | bytes], environment: Sequence[str | bytes] = ()) -> T:
        """execve(2)."""
        return self._call("execve", path, Pointers((*argv, None)), Pointers((*environment, None)))

    def execveat(
        self,
        dirfd: Number,
        path: PathArg,
        argv: Sequence[str | bytes],
        environment: Sequence[str | bytes] = (),
        flags: int = 0,
    ) -> T:
        """execveat(2)."""
        return self._call("execveat", dirfd, path, Pointers((*argv, None)), Pointers((*environment, None)), flags)

    def unshare(self, flags: int) -> T:
        """unshare(2)."""
        return self._call("unshare", flags)

    def setns(self, fd: Number, nstype: int = 0) -> T:
        """setns(2)."""
        return self._call("setns", fd, nstype)

    def pidfd_open(self, pid: Number, flags: int = 0) -> T:
        """pidfd_open(2)."""
        return self._call("pidfd_open", pid, flags)

    def pidfd_getfd(self, pidfd: Number, fd: Number, flags: int = 0) -> T:
        """pidfd_getfd(2)."""
        return self._call("pidfd_getfd", pidfd, fd, flags)

    def pidfd_send_signal(self, pidfd: Number, sig: int) -> T:
        """pidfd_send_signal(2)."""
        return self._call("pidfd_send_signal", pidfd, sig, None, 0)

    def ptrace(self, request: int, pid: Number, address: int = 0, data: Value = 0) -> T:
        """ptrace(2)."""
        return self._call("ptrace", request, pid, address, data)

    def process_vm_readv(self, pid: Number, address: int, count: int) -> T:
        """process_vm_readv(2)."""
        return self._call(
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
        return self._call(
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
        return self._call("kcmp", pid1, pid2, kind, index1, index2)

    def prctl(self, option: int, a: Value = 0, b: Value = 0, c: Value = 0, d: Value = 0) -> T:
        """prctl(2)."""
        return self._call("prctl", option, a, b, c, d)

    def prlimit64(self, pid: Number, resource: int, new: tuple[int, int] | None = None) -> T:
        """prlimit(2)."""
        return self._call(
            "prlimit64", pid, resource, None if new is None else In(struct.pack("<2Q", *new)), OutBuffer(16)
        )

    def getrusage(self, who: int) -> T:
        """getrusage(2)."""
        return self._call("getrusage", who, OutBuffer(144))

    def getpriority(self, which: int, who: Number) -> T:
        """getpriority(2); the kernel answers 20 - nice."""
        return self._call("getpriority", which, who)

    def setpriority(self, which: int, who: Number, priority: int) -> T:
        """setpriority(2)."""
        return self._call("setpriority", which, who, priority)

    def sched_yield(self) -> T:
        """sched_yield(2)."""
        return self._call("sched_yield")

    def sched_getaffinity(self, pid: Number, size: int = 128) -> T:
        """sched_getaffinity(2)."""
        return self._call("sched_getaffinity", pid, size, OutBuffer(size, filled=True))

    def sched_setaffinity(self, pid: Number, mask: bytes) -> T:
        """sched_setaffinity(2)."""
        return self._call("sched_setaffinity", pid, len(mask), In(mask))

    def sched_getscheduler(self, pid: Number) -> T:
        """sched_getscheduler(2)."""
        return self._call("sched_getscheduler", pid)

    def sched_setscheduler(self, pid: Number, policy: int, priority: int = 0) -> T:
        """sched_setscheduler(2)."""
        return self._call("sched_setscheduler", pid, policy, In(struct.pack("<i", priority)))

    def ioprio_get(self, which: int, who: Number) -> T:
        """ioprio_get(2)."""
        return self._call("ioprio_get", which, who)

    def ioprio_set(self, which: int, who: Number, priority: int) -> T:
        """ioprio_set(2)."""
        return self._call("ioprio_set", which, who, priority)

    def personality(self, persona: int) -> T:
        """personality(2)."""
        return self._call("personality", persona)

    def reboot(self, magic1: int, magic2: int, command: int) -> T:
        """reboot(2)."""
        return self._call("reboot", magic1, magic2, command, None)

    def seccomp(self, operation: int, flags: int, argument: Value = None) -> T:
        """seccomp(2)."""
        return self._call("seccomp", operation, flags, argument)

    # -- identity ----------------------------------------------------------------------

    def getuid(self) -> T:
        """getuid(2)."""
        return self._call("getuid")

    def geteuid(self) -> T:
        """geteuid(2)."""
        return self._call("geteuid")

    def getgid(self) -> T:
        """getgid(2)."""
        return self._call("getgid")

    def getegid(self) -> T:
        """getegid(2)."""
        return self._call("getegid")

    def setresuid(self, real: int, effective: int, saved: int) -> T:
        """setresuid(2)."""
        return self._call("setresuid", real, effective, saved)

    def setresgid(self, real: int, effective: int, saved: int) -> T:
        """setresgid(2)."""
        return self._call("setresgid", real, effective, saved)

    def getresuid(self) -> T:
        """getresuid(2): real, effective and saved id, one output each."""
        return self._call("getresuid", OutBuffer(4), OutBuffer(4), OutBuffer(4))

    def getresgid(self) -> T:
        """getresgid(2): real, effective and saved id, one output each."""
        return self._call("getresgid", OutBuffer(4), OutBuffer(4), OutBuffer(4))

    def getgroups(self, count: int = 256) -> T:
        """getgroups(2)."""
        return self._call("getgroups", count, OutBuffer(4 * count))

    def setgroups(self, groups: Sequence[int]) -> T:
        """setgroups(2)."""
        return self._call("setgroups", len(groups), In(struct.pack(f"<{len(groups)}I", *groups)))

    def capget(self, pid: Number = 0) -> T:
        """capget(2); effective, permitted, inheritable, then their upper halves."""
        return self._call(
            "capget", In(struct.pack("<2I", 0x20080522, pid if isinstance(pid, int) else 0)), OutBuffer(24)
        )

    def capset(self, effective: int, permitted: int, inheritable: int = 0) -> T:
        """capset(2)."""
        return self._call(
            "capset", In(struct.pack("<2I", 0x20080522, 0)), In(_capabilities(effective, permitted, inheritable))
        )

    def add_key(self, kind: str, description: str, payload: bytes, keyring: int) -> T:
        """add_key(2)."""
        return self._call("add_key", kind, description, In(payload), len(payload), keyring)

    def request_key(self, kind: str, description: str, keyring: int = 0) -> T:
        """request_key(2)."""
        return self._call("request_key", kind, description, None, keyring)

    def keyctl(self, operation: int, a: Value = 0, b: Value = 0, c: Value = 0, d: Value = 0) -> T:
        """keyctl(2)."""
        return self._call("keyctl", operation, a, b, c, d)

    # -- memory ------------------------------------------------------------------------

    def mmap(self, address: int, length: int, protection: int, flags: int, fd: Number = -1, offset: int = 0) -> T:
        """mmap(2)."""
        return self._call("mmap", address, length, protection, flags, fd, offset)

    def munmap(self, address: Number, length: int) -> T:
        """munmap(2)."""
        return self._call("munmap", address, length)

    def mprotect(self, address: Number, length: int, protection: int) -> T:
        """mprotect(2)."""
        return self._call("mprotect", address, length, protection)

    def madvise(self, address: Number, length: int, advice: int) -> T:
        """madvise(2)."""
        return self._call("madvise", address, length, advice)

    def mlock(self, address: Number, length: int) -> T:
        """mlock(2)."""
        return self._call("mlock", address, length)

    def msync(self, address: Number, length: int, flags: int) -> T:
        """msync(2)."""
        return self._call("msync", address, length, flags)

    def getrandom(self, count: int, flags: int = 0) -> T:
        """getrandom(2)."""
        return self._call("getrandom", OutBuffer(count, filled=True), count, flags)

    def shmget(self, key: int, size: int, flags: int) -> T:
        """shmget(2)."""
        return self._call("shmget", key, size, flags)

    def shmat(self, identifier: Number, address: int = 0, flags: int = 0) -> T:
        """shmat(2)."""
        return self._call("shmat", identifier, address, flags)

    def shmdt(self, address: Number) -> T:
        """shmdt(2)."""
        return self._call("shmdt", address)

    def shmctl(self, identifier: Number, command: int) -> T:
        """shmctl(2)."""
        return self._call("shmctl", identifier, command, OutBuffer(144))

    def semget(self, key: int, count: int, flags: int) -> T:
        """semget(2)."""
        return self._call("semget", key, count, flags)

    def semctl(self, identifier: Number, index: int, command: int, argument: Value = 0) -> T:
        """semctl(2)."""
        return self._call("semctl", identifier, index, command, argument)

    def msgget(self, key: int, flags: int) -> T:
        """msgget(2)."""
        return self._call("msgget", key, flags)

    def msgctl(self, identifier: Number, command: int) -> T:
        """msgctl(2)."""
        return self._call("msgctl", identifier, command, OutBuffer(128))

    def msgsnd(self, identifier: Number, kind: int, data: bytes, flags: int = 0) -> T:
        """msgsnd(2)."""
        return self._call("msgsnd", identifier, In(struct.pack("<q", kind) + data), len(data), flags)

    def msgrcv(self, identifier: Number, size: int, kind: int = 0, flags: int = 0) -> T:
        """msgrcv(2)."""
        return self._call("msgrcv", identifier, OutBuffer(size + 8), size, kind, flags)

    def mq_open(self, name: str, flags: int, mode: int = 0o600) -> T:
        """mq_open(3); the kernel's name has no leading slash."""
        return self._call("mq_open", name, flags, mode, None)

    def mq_unlink(self, name: str) -> T:
        """mq_unlink(3)."""
        return self._call("mq_unlink", name)

    # -- network -----------------------------------------------------------------------

    def socket(self, domain: int, kind: int, protocol: int = 0) -> T:
        """socket(2)."""
        return self._call("socket", domain, kind, protocol)

    def socketpair(self, domain: int, kind: int, protocol: int = 0) -> T:
        """socketpair(2)."""
        return self._call("socketpair", domain, kind, protocol, OutBuffer(8))

    def bind(self, fd: Number, address: bytes) -> T:
        """bind(2); addresses are made by `sockaddr`."""
        return self._call("bind", fd, In(address), len(address))

    def connect(self, fd: Number, address: bytes) -> T:
        """connect(2)."""
        return self._call("connect", fd, In(address), len(address))

    def listen(self, fd: Number, backlog: int = 8) -> T:
        """listen(2)."""
        return self._call("listen", fd, backlog)

    def accept4(self, fd: Number, flags: int = 0) -> T:
        """accept(2)."""
        return self._call("accept4", fd, None, None, flags)

    def getsockname(self, fd: Number) -> T:
        """getsockname(2)."""
        return self._call("getsockname", fd, OutBuffer(128), OutBuffer(4, data=struct.pack("<I", 128)))

    def getpeername(self, fd: Number) -> T:
        """getpeername(2)."""
        return self._call("getpeername", fd, OutBuffer(128), OutBuffer(4, data=struct.pack("<I", 128)))

    def setsockopt(self, fd: Number, level: int, option: int, value: bytes) -> T:
        """setsockopt(2)."""
        return self._call("setsockopt", fd, level, option, In(value), len(value))

    def getsockopt(self, fd: Number, level: int, option: int, size: int = 4) -> T:
        """getsockopt(2)."""
        return self._call("getsockopt", fd, level, option, OutBuffer(size), OutBuffer(4, data=struct.pack("<I", size)))

    def sendto(self, fd: Number, data: bytes, flags: int = 0, address: bytes | None = None) -> T:
        """sendto(2)."""
        return self._call(
            "sendto",
            fd,
            In(data),
            len(data),
            flags,
            None if address is None else In(address),
            0 if address is None else len(address),
        )

    def recvfrom(self, fd: Number, count: int, flags: int = 0) -> T:
        """recvfrom(2)."""
        return self._call("recvfrom", fd, OutBuffer(count, filled=True), count, flags, None, None)

    def shutdown(self, fd: Number, how: int) -> T:
        """shutdown(2)."""
        return self._call("shutdown", fd, how)

    def sethostname(self, name: str) -> T:
        """sethostname(2)."""
        return self._call("sethostname", In(os.fsencode(name)), len(os.fsencode(name)))

    def setdomainname(self, name: str) -> T:
        """setdomainname(2)."""
        return self._call("setdomainname", In(os.fsencode(name)), len(os.fsencode(name)))

    # -- time, events, system ----------------------------------------------------------

    def clock_gettime(self, clock: int) -> T:
        """clock_gettime(2)."""
        return self._call("clock_gettime", clock, OutBuffer(16))

    def clock_settime(self, clock: int, seconds: float) -> T:
        """clock_settime(2)."""
        return self._call("clock_settime", clock, In(_timespec(seconds)))

    def clock_nanosleep(self, clock: int, seconds: float, flags: int = 0) -> T:
        """clock_nanosleep(2)."""
        return self._call("clock_nanosleep", clock, flags, In(_timespec(seconds)), None)

    def nanosleep(self, seconds: float) -> T:
        """nanosleep(2)."""
        return self._call("nanosleep", In(_timespec(seconds)), None)

    def ppoll(self, fds: Sequence[tuple[int, int]], seconds: float) -> T:
        """poll(2); struct pollfd[] is `reply.data`."""
        return self._call(
            "ppoll",
            OutBuffer(8 * len(fds), data=b"".join(struct.pack("<ihh", fd, events, 0) for fd, events in fds)),
            len(fds),
            In(_timespec(seconds)),
            None,
            8,
        )

    def eventfd2(self, initial: int = 0, flags: int = 0) -> T:
        """eventfd(2)."""
        return self._call("eventfd2", initial, flags)

    def epoll_create1(self, flags: int = 0) -> T:
        """epoll_create(2)."""
        return self._call("epoll_create1", flags)

    def timerfd_create(self, clock: int, flags: int = 0) -> T:
        """timerfd_create(2)."""
        return self._call("timerfd_create", clock, flags)

    def signalfd4(self, fd: Number, mask: int, flags: int = 0) -> T:
        """signalfd(2)."""
        return self._call("signalfd4", fd, In(struct.pack("<Q", mask)), 8, flags)

    def uname(self) -> T:
        """uname(2)."""
        return self._call("uname", OutBuffer(390))

    def sysinfo(self) -> T:
        """sysinfo(2)."""
        return self._call("sysinfo", OutBuffer(112))

    def syslog(self, kind: int, size: int = 4096) -> T:
        """syslog(2)."""
        return self._call("syslog", kind, OutBuffer(size, filled=True), size)

    def bpf(self, command: int, attributes: bytes) -> T:
        """bpf(2)."""
        return self._call("bpf", command, In(attributes), len(attributes))

    def perf_event_open(self, attributes: bytes, pid: Number, cpu: int, group: int = -1, flags: int = 0) -> T:
        """perf_event_open(2)."""
        return self._call("perf_event_open", In(attributes), pid, cpu, group, flags)

    def userfaultfd(self, flags: int = 0) -> T:
        """userfaultfd(2)."""
        return self._call("userfaultfd", flags)

    def io_uring_setup(self, entries: int) -> T:
        """io_uring_setup(2)."""
        return self._call("io_uring_setup", entries, OutBuffer(120))

    def landlock_create_ruleset(self, attributes: bytes | None, flags: int = 0) -> T:
        """landlock_create_ruleset(2)."""
        return self._call(
            "landlock_create_ruleset",
            None if attributes is None else In(attributes),
            0 if attributes is None else len(attributes),
            flags,
        )

    def finit_module(self, fd: Number, parameters: str = "", flags: int = 0) -> T:
        """init_module(2)."""
        return self._call("finit_module", fd, parameters, flags)

    def exit_group(self, status: int) -> T:
        """exit_group(2): it has no answer."""
        return self._call("exit_group", status)

    def acct(self, path: PathArg | None) -> T:
        """acct(2)."""
        return self._call("acct", path)
