"""Files, directories and descriptors."""

from __future__ import annotations

import struct

from pytest_isolation.agent.calls.base import Calls, Number, PathArg, T
from pytest_isolation.agent.memory import In, OutBuffer, Value


class Files(Calls[T]):
    """Files, directories and descriptors."""

    def openat(self, dirfd: Number, path: PathArg, flags: int, mode: Number = 0) -> T:
        """open(2)."""
        return self.call("openat", dirfd, path, flags, mode)

    def openat2(self, dirfd: Number, path: PathArg, flags: int, mode: int = 0, resolve: int = 0) -> T:
        """openat2(2)."""
        return self.call("openat2", dirfd, path, In(struct.pack("<3Q", flags, mode, resolve)), 24)

    def close(self, fd: Number) -> T:
        """close(2)."""
        return self.call("close", fd)

    def close_range(self, first: Number, last: Number, flags: int = 0) -> T:
        """close_range(2)."""
        return self.call("close_range", first, last, flags)

    def read(self, fd: Number, count: int) -> T:
        """read(2); the data is `reply.data`."""
        return self.call("read", fd, OutBuffer(count, filled=True), count)

    def pread64(self, fd: Number, count: int, offset: Number = 0) -> T:
        """pread(2)."""
        return self.call("pread64", fd, OutBuffer(count, filled=True), count, offset)

    def write(self, fd: Number, data: bytes) -> T:
        """write(2)."""
        return self.call("write", fd, In(data), len(data))

    def pwrite64(self, fd: Number, data: bytes, offset: Number) -> T:
        """pwrite(2)."""
        return self.call("pwrite64", fd, In(data), len(data), offset)

    def lseek(self, fd: Number, offset: int, whence: int) -> T:
        """lseek(2)."""
        return self.call("lseek", fd, offset, whence)

    def ftruncate(self, fd: Number, length: int) -> T:
        """ftruncate(2)."""
        return self.call("ftruncate", fd, length)

    def truncate(self, path: PathArg, length: int) -> T:
        """truncate(2)."""
        return self.call("truncate", path, length)

    def fallocate(self, fd: Number, mode: int, offset: int, length: int) -> T:
        """fallocate(2)."""
        return self.call("fallocate", fd, mode, offset, length)

    def fsync(self, fd: Number) -> T:
        """fsync(2)."""
        return self.call("fsync", fd)

    def fcntl(self, fd: Number, command: int, argument: Value = 0) -> T:
        """fcntl(2)."""
        return self.call("fcntl", fd, command, argument)

    def flock(self, fd: Number, operation: int) -> T:
        """flock(2)."""
        return self.call("flock", fd, operation)

    def ioctl(self, fd: Number, request: int, argument: Value = 0) -> T:
        """ioctl(2)."""
        return self.call("ioctl", fd, request, argument)

    def dup(self, fd: Number) -> T:
        """dup(2)."""
        return self.call("dup", fd)

    def dup3(self, old: Number, new: Number, flags: int = 0) -> T:
        """dup3(2)."""
        return self.call("dup3", old, new, flags)

    def pipe2(self, flags: int = 0) -> T:
        """pipe(2); the two descriptors are in `reply.data`."""
        return self.call("pipe2", OutBuffer(8), flags)

    def fstat(self, fd: Number) -> T:
        """fstat(2)."""
        return self.call("fstat", fd, OutBuffer(144))

    def newfstatat(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """stat(2); the layout of struct stat is the architecture's: prefer statx."""
        return self.call("newfstatat", dirfd, path, OutBuffer(144), flags)

    def statx(self, dirfd: Number, path: PathArg, flags: int = 0, mask: int = 0x17FF) -> T:
        """statx(2)."""
        return self.call("statx", dirfd, path, flags, mask, OutBuffer(256))

    def statfs(self, path: PathArg) -> T:
        """statfs(2)."""
        return self.call("statfs", path, OutBuffer(120))

    def getdents64(self, fd: Number, count: int = 32768) -> T:
        """getdents64(2)."""
        return self.call("getdents64", fd, OutBuffer(count, filled=True), count)

    def getcwd(self, size: int = 4096) -> T:
        """getcwd(2)."""
        return self.call("getcwd", OutBuffer(size, filled=True), size)

    def chdir(self, path: PathArg) -> T:
        """chdir(2)."""
        return self.call("chdir", path)

    def fchdir(self, fd: Number) -> T:
        """fchdir(2)."""
        return self.call("fchdir", fd)

    def chroot(self, path: PathArg) -> T:
        """chroot(2)."""
        return self.call("chroot", path)

    def mkdirat(self, dirfd: Number, path: PathArg, mode: int = 0o755) -> T:
        """mkdir(2)."""
        return self.call("mkdirat", dirfd, path, mode)

    def mknodat(self, dirfd: Number, path: PathArg, mode: int, device: int = 0) -> T:
        """mknod(2)."""
        return self.call("mknodat", dirfd, path, mode, device)

    def unlinkat(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """unlink(2)."""
        return self.call("unlinkat", dirfd, path, flags)

    def renameat2(self, olddirfd: Number, old: PathArg, newdirfd: Number, new: PathArg, flags: int = 0) -> T:
        """rename(2)."""
        return self.call("renameat2", olddirfd, old, newdirfd, new, flags)

    def linkat(self, olddirfd: Number, old: PathArg, newdirfd: Number, new: PathArg, flags: int = 0) -> T:
        """link(2)."""
        return self.call("linkat", olddirfd, old, newdirfd, new, flags)

    def symlinkat(self, target: PathArg, dirfd: Number, path: PathArg) -> T:
        """symlink(2)."""
        return self.call("symlinkat", target, dirfd, path)

    def readlinkat(self, dirfd: Number, path: PathArg, size: int = 4096) -> T:
        """readlink(2)."""
        return self.call("readlinkat", dirfd, path, OutBuffer(size, filled=True), size)

    def faccessat(self, dirfd: Number, path: PathArg, mode: int) -> T:
        """access(2)."""
        return self.call("faccessat", dirfd, path, mode)

    def fchmodat(self, dirfd: Number, path: PathArg, mode: int) -> T:
        """chmod(2)."""
        return self.call("fchmodat", dirfd, path, mode)

    def fchmod(self, fd: Number, mode: int) -> T:
        """fchmod(2)."""
        return self.call("fchmod", fd, mode)

    def fchownat(self, dirfd: Number, path: PathArg, uid: int, gid: int, flags: int = 0) -> T:
        """chown(2)."""
        return self.call("fchownat", dirfd, path, uid, gid, flags)

    def utimensat(self, dirfd: Number, path: PathArg | None, atime_ns: int, mtime_ns: int, flags: int = 0) -> T:
        """utimensat(2)."""
        return self.call(
            "utimensat", dirfd, path, In(struct.pack("<4q", *divmod(atime_ns, 10**9), *divmod(mtime_ns, 10**9))), flags
        )

    def umask(self, mask: Number) -> T:
        """umask(2)."""
        return self.call("umask", mask)

    def lsetxattr(self, path: PathArg, name: str, value: bytes, flags: int = 0) -> T:
        """setxattr(2)."""
        return self.call("lsetxattr", path, name, In(value), len(value), flags)

    def lgetxattr(self, path: PathArg, name: str, size: int = 4096) -> T:
        """getxattr(2)."""
        return self.call("lgetxattr", path, name, OutBuffer(size, filled=True), size)

    def llistxattr(self, path: PathArg, size: int = 4096) -> T:
        """listxattr(2)."""
        return self.call("llistxattr", path, OutBuffer(size, filled=True), size)

    def lremovexattr(self, path: PathArg, name: str) -> T:
        """removexattr(2)."""
        return self.call("lremovexattr", path, name)

    def sendfile(self, out: Number, source: Number, count: int) -> T:
        """sendfile(2)."""
        return self.call("sendfile", out, source, None, count)

    def copy_file_range(self, source: Number, out: Number, count: int) -> T:
        """copy_file_range(2)."""
        return self.call("copy_file_range", source, None, out, None, count, 0)

    def splice(self, source: Number, out: Number, count: int, flags: int = 0) -> T:
        """splice(2)."""
        return self.call("splice", source, None, out, None, count, flags)

    def sync(self) -> T:
        """sync(2)."""
        return self.call("sync")

    def syncfs(self, fd: Number) -> T:
        """syncfs(2)."""
        return self.call("syncfs", fd)

    def memfd_create(self, name: str, flags: int = 0) -> T:
        """memfd_create(2)."""
        return self.call("memfd_create", name, flags)

    def name_to_handle_at(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """name_to_handle_at(2)."""
        return self.call(
            "name_to_handle_at", dirfd, path, OutBuffer(136, data=struct.pack("<I", 128)), OutBuffer(4), flags
        )

    def open_by_handle_at(self, mount_fd: Number, handle: bytes, flags: int = 0) -> T:
        """open_by_handle_at(2)."""
        return self.call("open_by_handle_at", mount_fd, In(handle), flags)

    def inotify_init1(self, flags: int = 0) -> T:
        """inotify_init(2)."""
        return self.call("inotify_init1", flags)

    def inotify_add_watch(self, fd: Number, path: PathArg, mask: int) -> T:
        """inotify_add_watch(2)."""
        return self.call("inotify_add_watch", fd, path, mask)

    def fanotify_init(self, flags: int, event_flags: int = 0) -> T:
        """fanotify_init(2)."""
        return self.call("fanotify_init", flags, event_flags)

    def quotactl(self, command: int, special: PathArg | None, identifier: int = 0) -> T:
        """quotactl(2)."""
        return self.call("quotactl", command, special, identifier, OutBuffer(128))
