"""Mounts and file systems."""

from __future__ import annotations

import struct

from pytest_isolation.agent.calls.base import Calls, Number, PathArg, T
from pytest_isolation.agent.memory import In, Value


class Mounts(Calls[T]):
    """Mounts and file systems."""

    def mount(
        self, source: PathArg | None, target: PathArg, fstype: str | None, flags: int = 0, data: str | None = None
    ) -> T:
        """mount(2)."""
        return self.call("mount", source, target, fstype, flags, data)

    def umount2(self, target: PathArg, flags: int = 0) -> T:
        """umount(2)."""
        return self.call("umount2", target, flags)

    def pivot_root(self, new_root: PathArg, put_old: PathArg) -> T:
        """pivot_root(2)."""
        return self.call("pivot_root", new_root, put_old)

    def fsopen(self, fstype: str, flags: int = 0) -> T:
        """fsopen(2)."""
        return self.call("fsopen", fstype, flags)

    def fsconfig(self, fd: Number, command: int, key: str | None = None, value: Value = None, aux: Number = 0) -> T:
        """fsconfig(2)."""
        return self.call("fsconfig", fd, command, key, value, aux)

    def fsmount(self, fd: Number, flags: int = 0, attributes: int = 0) -> T:
        """fsmount(2)."""
        return self.call("fsmount", fd, flags, attributes)

    def fspick(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """fspick(2)."""
        return self.call("fspick", dirfd, path, flags)

    def open_tree(self, dirfd: Number, path: PathArg, flags: int = 0) -> T:
        """open_tree(2)."""
        return self.call("open_tree", dirfd, path, flags)

    def move_mount(
        self, from_dirfd: Number, from_path: PathArg, to_dirfd: Number, to_path: PathArg, flags: int = 0
    ) -> T:
        """move_mount(2)."""
        return self.call("move_mount", from_dirfd, from_path, to_dirfd, to_path, flags)

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
        return self.call(
            "mount_setattr", dirfd, path, flags, In(struct.pack("<4Q", set_, clear, propagation, userns_fd)), 32
        )

    def swapon(self, path: PathArg, flags: int = 0) -> T:
        """swapon(2)."""
        return self.call("swapon", path, flags)

    def swapoff(self, path: PathArg) -> T:
        """swapoff(2)."""
        return self.call("swapoff", path)
