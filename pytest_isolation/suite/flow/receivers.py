"""What a side has: its receivers, by a walk over /proc and /sys, and which of its names are the host's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatch

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, DT
from pytest_isolation.agent.shortcuts import entries
from pytest_isolation.outside.machine import leaks
from pytest_isolation.suite.flow import probes
from pytest_isolation.suite.flow.acts import NAMED_IN, ROOTS, Place
from pytest_isolation.suite.flow.probes import Probe

FURTHER = ("/proc/self/net", "/proc/sysvipc", "/proc/sys/net/core", "/proc/sys/net/netfilter", "/proc/sys/net/unix")
"""What the walk of outside/machine/leaks.py passes over, for it is of namespaces."""
LISTED = ("/proc", "/tmp", "/dev/shm", "/dev/mqueue", "/dev/pts", "/run", "/home", "/sys/class/net", "/sys/kernel")
"""Directories whose names are asked."""
SKIPPED = (
    "/proc/self/pagemap", "/proc/self/smaps*", "/proc/self/maps", "/proc/self/numa_maps", "/proc/self/stack",
    "/proc/self/syscall", "/proc/self/environ", "/proc/self/auxv", "/proc/self/task", "/proc/vmallocinfo",
    "/proc/config.gz", "/proc/kallsyms", "/proc/pagetypeinfo", "/proc/sys/kernel/random/uuid",
    "/sys/kernel/boot_params/*", "/sys/devices/system/cpu/vulnerabilities/*",
)  # fmt: skip
"""Of the reader's own memory, constant, or slow to read."""
SLOWEST = 0.002
"""Seconds a file may take to be read once."""
NAMESPACES = {"uts": "uts", "ipc": "ipc"}


def receivers(proc: Proc, place: Place) -> list[Probe]:
    """Everything that `proc` can read, and the calls; of files, those that gave something."""
    paths = [path for path in leaks.walked(proc) if not any(fnmatch(path, one) for one in SKIPPED)]
    for directory in FURTHER:
        paths += [f"{directory}/{name}" for name, kind in entries(proc, directory) if kind == DT.REG]
    found = [probes.file(path, size) for path, size in _sizes(proc, list(dict.fromkeys(paths))).items()]
    return [*probes.calls(place), *(probes.listing(path) for path in LISTED), *found]


def _sizes(proc: Proc, paths: Sequence[str]) -> dict[str, int]:
    """How much each file gives when it is read at its beginning; those that give nothing, or slowly, are left out."""
    found: dict[str, int] = {}
    for at in range(0, len(paths), 32):
        program = Program()
        steps = []
        for path in paths[at : at + 32]:
            fd = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            before = program.clock_gettime(1)
            read = program.pread64(fd, 16384)
            after = program.clock_gettime(1)
            program.close(fd)
            steps.append((path, before, read, after))
        replies = proc.run(program)
        for path, before, read, after in steps:
            seconds = _seconds(replies[after].data) - _seconds(replies[before].data)
            if replies[read].data and seconds < SLOWEST:
                found[path] = len(replies[read].data)
    return found


def _seconds(data: bytes) -> float:
    return int.from_bytes(data[:8], "little") + int.from_bytes(data[8:16], "little") / 1e9


def hosts_own(proc: Proc, host: Proc, *, is_host: bool, shares_kernel: bool) -> frozenset[str]:
    """Of uts, ipc and mnt, those in which a name that is left would be left on the host."""
    if is_host:
        return frozenset({"uts", "ipc", "mnt"})
    if not shares_kernel:
        return frozenset()
    found = {name for name, file in NAMESPACES.items() if _same_link(proc, host, f"/proc/self/ns/{file}")}
    if any(_same_file(proc, host, path) for path in ("/", *NAMED_IN)):
        found.add("mnt")
    return frozenset(found)


def _same_link(proc: Proc, host: Proc, path: str) -> bool:
    """Where it cannot be read, it is taken for the host's."""
    one, two = (side.readlinkat(AT_FDCWD, path) for side in (proc, host))
    return not one.ok or not two.ok or one.data == two.data


def _same_file(proc: Proc, host: Proc, path: str) -> bool:
    """By device and inode (statx(2), stx_ino and stx_dev); a box without it has no such file."""
    one, two = (side.statx(AT_FDCWD, path) for side in (proc, host))
    if not one.ok or not two.ok:
        return False
    return (one.data[32:40], one.data[136:144]) == (two.data[32:40], two.data[136:144])


def place_of(proc: Proc, agent_path: str, port: int) -> Place:
    """What acts and receivers need to know of a side; `agent_path`: what is locked where there is no /home."""
    names = proc.uname().data
    hostname = names[65:130].split(b"\0", 1)[0].decode(errors="replace") if names else "box"
    there = proc.faccessat(AT_FDCWD, ROOTS, os.R_OK).ok
    return Place(ROOTS if there else agent_path, hostname, port)
