"""A block device of the host's with a secret on it: what a disk would be, without a disk at risk.

A loop device over memory, read-only, cleared by the kernel with its last descriptor (loop(4)): however
we end, nothing is left.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import struct
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import AT_FDCWD, LO_FLAGS, LOOP
from pytest_isolation.agent.memory import In
from pytest_isolation.agent.shortcuts import entries
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.programs import read_file
from pytest_isolation.errors import NOT_ROOT, BoxError, Unsupported, unless_root
from pytest_isolation.outside.keeping import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.outside.box import Box


LOOP_MAJOR = 7
TRIES = 8
"""Between asking for a free device and taking it somebody else may have taken it."""


BLOCK, DIRECTORY = 6, 4
"""DT_BLK and DT_DIR, readdir(3)."""
WITHOUT_NODES = ("proc", "sysfs", "cgroup", "cgroup2")
MOST_DIRECTORIES = 1000


def block_nodes(box: Box) -> list[str]:
    """The paths in the box of the block devices that it has, wherever they are; looked for once in each box.

    /dev comes first, then what is nearest to the root, `MOST_DIRECTORIES` of them.  Below a mount with `nodev` no node
    can be opened (mount(8)).
    """
    return kept(box, "block nodes", lambda: _walked(box.proc))


def _walked(proc: Proc) -> list[str]:
    closed: dict[str, bool] = {}
    with suppress(BoxError):  # who has no /proc is asked everywhere
        for mount in parse(read_file(proc, "/proc/self/mountinfo").decode(errors="replace")):
            closed[mount.point] = "nodev" in mount.flags.split(",") or mount.fstype in WITHOUT_NODES
    found, seen = [], {"/dev", "/"}
    # Each with whether its file system takes no device.
    ahead = deque([("/dev", closed.get("/dev", False)), ("/", closed.get("/", False))])
    for _ in range(MOST_DIRECTORIES):
        if not ahead:
            break
        place, shut = ahead.popleft()
        below = []
        for name, kind in entries(proc, place):
            path = f"{place.rstrip('/')}/{name}"
            if kind == BLOCK and not shut:
                found.append(path)
            elif kind == DIRECTORY and name not in (".", "..") and path not in seen:
                seen.add(path)
                below.append((path, closed.get(path, shut)))
        # What is in /dev comes before the rest.
        (ahead.extendleft if place.startswith("/dev") else ahead.extend)(below)
    return found


@contextmanager
def disk_with(box: Box, secret: bytes) -> Iterator[int]:
    """A block device of the host's that begins with `secret`; gives its number (makedev(3)).

    Raises Unsupported where this user or this kernel makes no loop devices.
    """
    # A process of its own: with it go all its descriptors, whatever happened.
    with box.outside.process() as outside:
        proc = outside.proc
        memory = must(proc.memfd_create("pytest-isolation-disk"))
        must(proc.write(memory.value, secret.ljust(4096, b"\0")))
        control = proc.openat(AT_FDCWD, "/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
        if control.errno in (errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENODEV, errno.ENXIO):
            raise Unsupported(
                f"no loop device to witness with: {control}", "modprobe loop", cause=unless_root(NOT_ROOT)
            )
        yield attached(proc, must(control).value, memory.value)


@contextmanager
def disk_node(box: Box, secret: bytes) -> Iterator[str]:
    """As disk_with, with a node in /dev that everybody may open; gives its path.

    The node is taken away at the end; one that a killed run left has no device behind it any more.
    """
    with disk_with(box, secret) as number:
        path = box.outside.path(f"/dev/pytest-isolation-disk-{secrets.token_hex(6)}")
        must(box.outside.proc.mknodat(AT_FDCWD, path, stat.S_IFBLK, number))
        try:
            path.chmod(0o666)
            yield str(path)
        finally:
            path.unlink()


def must(reply: Reply) -> Reply:
    """`reply`, of a step in making a disk of ours.  Raises BoxError when it was refused."""
    if not reply.ok:
        raise BoxError(f"making a disk to witness with: {reply}")
    return reply


def attached(proc: Proc, control: int, memory: int) -> int:
    """The number of a loop device over the file `memory` of `proc`; it goes with its last descriptor."""
    # struct loop_config, linux/loop.h: the descriptor, a block size, struct loop_info64 (its flags at 52), reserved.
    config = struct.pack("<II52xI172x64x", memory, 0, LO_FLAGS.READ_ONLY | LO_FLAGS.AUTOCLEAR)
    for _ in range(TRIES):
        number = os.makedev(LOOP_MAJOR, must(proc.ioctl(control, LOOP.CTL_GET_FREE)).value)
        node = f"/dev/pytest-isolation-{secrets.token_hex(6)}"
        made = proc.mknodat(AT_FDCWD, node, stat.S_IFBLK | 0o600, number)
        if made.errno in (errno.EACCES, errno.EPERM):
            raise Unsupported(f"no loop device to witness with: {made}", cause=NOT_ROOT)
        must(made)
        device = proc.openat(AT_FDCWD, node, os.O_RDONLY | os.O_CLOEXEC)
        proc.unlinkat(AT_FDCWD, node)
        if device.errno in (errno.EACCES, errno.EPERM):
            raise Unsupported(f"no loop device to witness with: {device}", cause=NOT_ROOT)
        set_up = proc.ioctl(must(device).value, LOOP.CONFIGURE, In(config))
        if set_up.errno != errno.EBUSY:
            must(set_up)
            return number
        proc.close(device.value)
    raise BoxError(f"somebody else took every free loop device, {TRIES} times over")
