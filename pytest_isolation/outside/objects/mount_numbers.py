"""Mounts by the numbers that the kernel gives them, each once: statmount(2), listmount(2), Linux 6.8."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, LSMT_ROOT
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.errors import Unsupported

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply

OWN = 0
"""No number of a namespace: that of who asks."""
NS_GET_MNTNS_ID = 0x8008B705
"""ioctl_nsfs(2), Linux 6.11."""
STATMOUNT_MNT_POINT = 0x10
MOST = 4096
"""Mounts that are asked for at once; the machine's first ones are in any such list."""
_POINT, _TEXT = 108, 512
"""Of struct statmount: where the offset of the mount point is, and where the texts begin."""


def listed(proc: Proc, below: int = LSMT_ROOT, namespace: int = OWN) -> tuple[list[int], Reply]:
    """The numbers of the mounts below one, as `proc` is told by listmount(2), and the reply."""
    reply = proc.listmount(below, namespace, OutBuffer(8 * MOST))
    count = reply.value if reply.ok else 0
    return list(struct.unpack_from(f"<{count}Q", reply.data)), reply


def point(proc: Proc, mount: int, namespace: int = OWN) -> tuple[str, Reply]:
    """Where the mount is, as `proc` is told by statmount(2), "" where it is not told, and the reply."""
    reply = proc.statmount(mount, namespace, STATMOUNT_MNT_POINT, OutBuffer(_TEXT + os.pathconf("/", "PC_PATH_MAX")))
    if not reply.ok:
        return "", reply
    (at,) = struct.unpack_from("<I", reply.data, _POINT)
    return reply.data[_TEXT + at :].partition(b"\0")[0].decode(errors="surrogateescape"), reply


def every(proc: Proc) -> list[int]:
    """The number of every mount that `proc` sees, the oldest first.

    Raises Unsupported: the kernel has no such call.
    """
    numbers, reply = listed(proc)
    if not reply.ok:
        raise Unsupported(f"the kernel lists no mounts by their numbers, which Linux 6.8 does first ({reply})")
    return sorted(numbers)


def namespace_of(proc: Proc) -> int:
    """The number of the mount namespace of `proc`; OWN where the kernel has none to tell."""
    program = Program()
    opened = program.openat(AT_FDCWD, "/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    asked = program.ioctl(opened, NS_GET_MNTNS_ID, OutBuffer(8))
    program.close(opened)
    reply = proc.run(program)[asked]
    return int.from_bytes(reply.data[:8], "little") if reply.ok else OWN
