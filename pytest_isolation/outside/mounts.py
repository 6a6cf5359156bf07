"""Mounts tried from inside: on a box that isolates nothing they are made where nobody else sees them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_isolation.boxes.programs import read_file
from pytest_isolation.errors import BoxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.box import Box

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x0002_0000, 0x1000_0000, 0x2000_0000
MS_REC, MS_PRIVATE = 16384, 1 << 18


@contextmanager
def private_mounts(box: Box, flags: int = 0) -> Iterator[Proc]:
    """A process of the box with a copy of its mounts, where the box allows one; else one with the same mounts.

    Where a copy is refused (unshare(2) needs what mount(2) needs), so is whatever the check will try;
    where it is made, what the check mounts ends with the process.
    """
    copied, _ = box.proc.try_spawn(CLONE_NEWNS | flags)
    with copied or box.spawn() as child:
        if copied is not None:
            child.mount(None, "/", None, MS_REC | MS_PRIVATE)
        yield child


def mounted(proc: Proc, target: str) -> str:
    """The line of `target` in the mounts of `proc`, as the kernel tells (proc_pid_mountinfo(5)); "" without one.

    A box without /proc has no such list: there the directory is compared with the one it is in.
    """
    try:
        lines = read_file(proc, "/proc/self/mountinfo").decode(errors="replace").splitlines()
    except BoxError:
        return _by_device(proc, target)
    return next((line for line in lines if line.split()[4] == target), "")


def _by_device(proc: Proc, target: str) -> str:
    mount_id = {path: proc.statx(-100, path, 0, 0x1000).data[144:152] for path in (target, f"{target}/..")}
    here, above = mount_id.values()
    return f"{target} is mount {int.from_bytes(here, 'little')}" if here != above else ""
