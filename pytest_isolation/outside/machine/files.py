"""The files of /proc and /sys that tell of the whole machine: tables for checks, and a walk over the rest."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, DT, KEYCTL
from pytest_isolation.agent.shortcuts import entries, listing, read
from pytest_isolation.errors import Unsupported
from pytest_isolation.outside.shared import shared
from pytest_isolation.outside.shared.roads import roads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.outside.box import Box

OCI = "https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#masked-paths"
MOBY = "https://github.com/moby/moby/blob/master/daemon/pkg/oci/defaults.go"
THERMAL = "https://github.com/moby/moby/pull/49560; Podman 5.5 release notes"
POWER = "https://github.com/moby/moby/security/advisories/GHSA-jq35-85cj-fj4p"
EVERYWHERE = {
    "/proc/acpi": MOBY,
    "/proc/asound": MOBY,
    "/proc/kcore": OCI,
    "/proc/keys": MOBY,
    "/proc/latency_stats": MOBY,
    "/proc/sched_debug": MOBY,
    "/proc/scsi": MOBY,
    "/proc/timer_list": MOBY,
    "/proc/timer_stats": MOBY,
    "/sys/firmware": MOBY,
}
"""Path -> source: files and directories that every container engine masks by its defaults, of whatever year."""
TODAY = EVERYWHERE | {
    "/proc/interrupts": THERMAL,
    "/sys/devices/system/cpu/cpu*/thermal_throttle": THERMAL,
    "/sys/devices/virtual/powercap": POWER,
}
"""The same of Docker 28.0.2, Podman 5.5 and later."""

TREES = (
    "/proc", "/sys/class/powercap", "/sys/class/thermal", "/sys/devices/system/cpu/vulnerabilities",
    "/sys/devices/system/node", "/sys/devices/virtual/dmi", "/sys/devices/virtual/thermal", "/sys/kernel",
)  # fmt: skip
"""What the walk looks through, DEPTH directories deep; links are not followed, but for the classes' own."""
DEPTH, MOST = 2, 600
"""Directories below a tree, and files of a host, that are looked at."""
SKIPPED = {
    "/proc/[0-9]*": "processes: the rows of pid tell of them",
    "/proc/sys": "settings, many of them of a namespace",
    "/proc/sysvipc": "of the IPC namespace: ipc.sysv-shm-isolated",
    "/proc/bus": "the registers of devices: to read some hangs them",
    "/proc/fs": "the files of nfsd are calls to it; the rest is of mounts",
    "/proc/irq": "one directory for each interrupt, told of by /proc/interrupts",
    "/proc/kmsg": "a message that is read is gone for others",
    "/proc/acpi/event": "an event that is read is gone for others",
    "/proc/sysrq-trigger": "it acts, and says nothing",
    "/sys/kernel/cgroup": "what the kernel can do, the same for every machine",
    "/sys/kernel/debug": "files of drivers, whose reading may act; GPUs and network cards among them",
    "/sys/kernel/slab": "some files walk every object; /proc/slabinfo tells the same",
    "/sys/kernel/tracing": "trace_pipe and its like are emptied by reading",
    "/sys/kernel/security": "reading a profile or a log may take long, and some logs are emptied",
    "*/trigger*": "triggers of devices",
}
"""Pattern -> reason: files that the walk neither opens nor lists."""


def sees_proc(box: Box, count: int) -> tuple[bool, Reply]:
    """Whether the box reads a file of /proc that nobody masks, and the reply.

    Raises Unsupported where that would tell of another machine, or of none.
    """
    if not box.parts.shares_kernel:
        raise Unsupported("the box has a kernel of its own, whose values are not this machine's")
    known = read(box.proc, "/proc/version", count)
    if known.errno == errno.ENOENT:
        raise Unsupported("the box has no /proc")
    return bool(known.data), known


@contextmanager
def reader(box: Box) -> Iterator[Proc]:
    """A process of the machine that the box stands on; it has a key, for /proc/keys shows a user's own alone."""
    with box.outside.process() as holder:
        holder.proc.keyctl(KEYCTL.JOIN_SESSION_KEYRING, 0)
        yield holder.proc


def shown(box: Box, host: Proc, path: str, count: int) -> tuple[str, list[Reply]]:
    """What the box gets of a file or directory that the host has, in words, and the read; empty for nothing.

    In each /proc and /sys that the box has, under any name.
    """
    if listing(host, path):
        for one in names_of(box, path):
            if names := listing(box.proc, one)[:5]:
                return f"{one} has {', '.join(names)}", []
        return "", []
    if not host.faccessat(AT_FDCWD, path, os.R_OK).ok:
        return "", []
    for one in names_of(box, path):
        if (seen := read(box.proc, one, count)).data:
            return one, [seen]
    return "", []


def names_of(box: Box, path: str) -> list[str]:
    """The names that a path below /proc or /sys has in the box: one for each /proc, or /sys, that is mounted there."""
    top = "/proc" if path.startswith("/proc/") else "/sys"
    fstype = "proc" if top == "/proc" else "sysfs"
    places = dict.fromkeys([top, *(one.target for one in shared(box) if one.fstype == fstype)])
    own = [place + path.removeprefix(top) for place in places]
    # A part of the host's, by itself: /proc/sys as /settings.
    return list(dict.fromkeys([*own, *(road.path for road in roads(box, [path], ()) if road.at == AT_FDCWD)]))


def named(proc: Proc, table: dict[str, str]) -> list[str]:
    """The paths of the table, with the numbers that `proc` sees in place of `cpu*`."""
    cpus = [name for name, _ in entries(proc, "/sys/devices/system/cpu") if re.fullmatch(r"cpu\d+", name)]
    found: list[str] = []
    for path in table:
        found += [path.replace("cpu*", cpu) for cpu in cpus] if "cpu*" in path else [path]
    return found


def others(proc: Proc) -> list[str]:
    """The regular files that `proc` finds below TREES and that neither TODAY nor SKIPPED names."""
    known = tuple(named(proc, TODAY))
    found = [path for tree in TREES for path in _files(proc, tree, DEPTH)]
    return [path for path in found if not path.startswith(known)][:MOST]


def telling(proc: Proc, paths: list[str]) -> list[str]:
    """Those of which `proc` reads at least a byte; at most 64 bytes of each are read."""
    found = []
    for at in range(0, len(paths), 50):
        program = Program()
        steps = []
        for path in paths[at : at + 50]:
            fd = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            steps.append((path, program.read(fd, 64)))
            program.close(fd)
        replies = proc.run(program)
        found += [path for path, step in steps if replies[step].data]
    return found


def words(paths: list[str]) -> str:
    """Each file by its path, and instead of those three directories deep the directory once."""
    short = {path if path.count("/") < 4 else f"{path.rpartition('/')[0]}/" for path in paths}
    return ", ".join(sorted(short))


def _files(proc: Proc, directory: str, depth: int) -> Iterator[str]:
    for name, kind in entries(proc, directory):
        path = f"{directory}/{name}"
        if any(fnmatch(path, pattern) for pattern in SKIPPED):
            continue
        if kind == DT.REG:
            yield path
        elif depth and (kind == DT.DIR or directory.startswith("/sys/class/")):
            yield from _files(proc, path, depth - 1)
