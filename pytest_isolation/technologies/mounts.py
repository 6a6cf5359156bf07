"""Mounts made from the host's side, through an agent there: what a technology has no words for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.constants import CLONE, MNT, MS
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.host import LOCAL_HOST, Host
from pytest_isolation.boxes.lifetime import mount_points
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import NOT_ROOT, Unsupported

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.lifetime import Lifetime

# mount(2)
SHARED = ("tmp", "var", "home", "srv", "root", "mnt")
"""With drop("private-root"): the directories a box of an engine and its sibling have in common, for / cannot be."""
FLAGS = {"nosuid": MS.NOSUID, "nodev": MS.NODEV, "noexec": MS.NOEXEC}


def nested(directory: Path, lifetime: Lifetime, undo: ExitStack) -> None:
    """A file system of its own at `directory`/nested."""
    place = directory / "nested"
    place.mkdir()
    _mount(place, lifetime, undo, "tmpfs", "tmpfs", MS.NOSUID | MS.NODEV, "size=1m,mode=777")


def shared(directory: Path, lifetime: Lifetime, undo: ExitStack) -> Path:
    """Make `directory` a mount whose events every copy of it sees (mount_namespaces(7))."""
    _mount(directory, lifetime, undo, os.fspath(directory), None, MS.BIND)
    with start_local() as local:
        must(local.proc.mount(None, os.fspath(directory), None, MS.SHARED), "sharing a mount")
    return directory


def _mount(
    place: Path,
    lifetime: Lifetime,
    undo: ExitStack,
    source: str,
    fstype: str | None,
    flags: int,
    data: str | None = None,
) -> None:
    if os.geteuid() != 0:
        raise Unsupported("this box needs a mount on the host, which is for root", cause=NOT_ROOT)
    lifetime.register("mount", os.fspath(place))
    with start_local() as local:
        must(local.proc.mount(source, os.fspath(place), fstype, flags, data), f"mounting {place}")
    undo.callback(_unmount_below, place)


def _unmount_below(place: Path) -> None:
    """Take away the mount at `place`, and what a box mounted below it."""
    path = os.fspath(place)
    with start_local() as local:
        for point in reversed(mount_points()):
            if point == path or point.startswith(f"{path}/"):
                local.proc.umount2(os.fsencode(point), MNT.DETACH)


def make_cgroups_writable(pid: int, host: Host = LOCAL_HOST) -> None:
    """Remount the control group tree that `pid` sees read-write, in its mount namespace and nowhere else."""
    with host.start() as outside, outside.proc.spawn() as child:
        enter(child, pid)
        for one in parse(text_of(host.path(f"/proc/{pid}/mountinfo"))):
            if one.fstype in ("cgroup", "cgroup2") and one.point.startswith("/sys/fs/cgroup"):
                flags = sum(flag for word, flag in FLAGS.items() if word in one.flags.split(","))
                must(child.mount(None, one.point, None, MS.REMOUNT | MS.BIND | flags), f"remounting {one.point}")


def enter(child: Proc, pid: int) -> None:
    """Have `child` move to the mount namespace of `pid`.  Raises BoxError."""
    pidfd = must(child.pidfd_open(pid), "its first process").value
    must(child.setns(pidfd, CLONE.NEWNS), "entering its mount namespace")
