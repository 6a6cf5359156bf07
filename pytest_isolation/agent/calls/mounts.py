"""Mounts and file systems."""

from __future__ import annotations

import struct

from pytest_isolation.agent.calls.base import Calls, Number, PathArg, T
from pytest_isolation.agent.memory import In, OutBuffer, Value


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

    def open_tree_attr(self, dirfd: Number, path: PathArg, flags: int, set_: int = 0, clear: int = 0) -> T:
        """open_tree_attr(2), Linux 6.15: open_tree(2) and mount_setattr(2) in one."""
        return self.call("open_tree_attr", dirfd, path, flags, In(struct.pack("<4Q", set_, clear, 0, 0)), 32)

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

    def statmount(self, mount: int, namespace: int, mask: int, room: OutBuffer) -> T:
        """statmount(2) of a mount by its number, in the mount namespace with that number; 0: the caller's."""
        return self.call("statmount", In(_mount_request(mount, mask, namespace)), room, room.size, 0)

    def listmount(self, below: int, namespace: int, room: OutBuffer) -> T:
        """listmount(2) of the mounts below one, in the mount namespace with that number; 0: the caller's."""
        return self.call("listmount", In(_mount_request(below, 0, namespace)), room, room.size // 8, 0)

    def swapon(self, path: PathArg, flags: int = 0) -> T:
        """swapon(2)."""
        return self.call("swapon", path, flags)

    def swapoff(self, path: PathArg) -> T:
        """swapoff(2)."""
        return self.call("swapoff", path)


def _mount_request(mount: int, parameter: int, namespace: int) -> bytes:
    """struct mnt_id_req (mount.h), without a namespace as Linux 6.8 has it, which knows none."""
    if namespace:
        return struct.pack("<IIQQQ", 32, 0, mount, parameter, namespace)
    return struct.pack("<IIQQ", 24, 0, mount, parameter)
