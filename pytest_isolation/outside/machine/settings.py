"""Files of /proc by which the whole machine is set, and that engines make read-only: OCI runtime-spec, readonlyPaths.

Not here: /proc/sysrq-trigger, which not every kernel has, and what sets a namespace alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, DT
from pytest_isolation.agent.shortcuts import entries

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply

DEPTH = 6
"""Directories below a place that are entered, at most: none of the kernel's goes deeper."""


@dataclass(frozen=True, slots=True)
class Place:
    """A directory of settings of the machine's kernel."""

    slug: str
    path: str
    sets: str
    """What is set there: completes "sets ..."."""


PLACES = (
    Place("kernel", "/proc/sys/kernel", "how the kernel works"),
    Place("vm", "/proc/sys/vm", "how the machine's memory is used"),
    Place("fs", "/proc/sys/fs", "the limits of all file systems"),
    Place("irq", "/proc/irq", "which processors take interrupts"),
    Place("bus", "/proc/bus", "how devices are configured"),
)

NAMESPACED = (
    # man:pid_namespaces(7): mode 0666, and the kernel asks for its capability at the write
    "/proc/sys/kernel/ns_last_pid",
    # man:uts_namespaces(7)
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/hostname",
    # man:ipc_namespaces(7)
    *(f"/proc/sys/kernel/{name}" for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni")),
    *(f"/proc/sys/kernel/{name}" for name in ("auto_msgmni", "msg_next_id", "sem_next_id", "shm_next_id")),
    "/proc/sys/kernel/shm_rmid_forced",
    "/proc/sys/fs/mqueue/",
)
"""What below the places sets a namespace of the box and not the machine, with a slash at the end: all below it.

Whether that namespace is the box's own, the checks of pid, uts and ipc say.
"""


def files(proc: Proc, path: str, at: str | None = None) -> list[str]:
    """Every file at or below `path` by which the machine is set, as `proc` sees it; links are not followed.

    `at`: what it is called there, if something else.
    """
    at = path if at is None else at
    found: list[str] = []
    waiting = [(at, 0)]
    for place, depth in waiting:
        inside = entries(proc, place)
        if not inside and depth == 0 and proc.faccessat(AT_FDCWD, place, os.F_OK).ok:
            found.append(place)
        for name, kind in inside:
            if kind == DT.REG:
                found.append(f"{place}/{name}")
            elif kind == DT.DIR and depth < DEPTH:
                waiting.append((f"{place}/{name}", depth + 1))
    known = {one: path + one.removeprefix(at) for one in found}
    return [one for one, usual in known.items() if usual not in NAMESPACED and not usual.startswith(NAMESPACED[-1])]


def opened(proc: Proc, paths: list[str]) -> tuple[list[str], list[Reply]]:
    """Those that open for writing, and the replies of all; nothing is written, and each is closed."""
    writable, told = [], []
    for at in range(0, len(paths), 100):
        program = Program()
        steps = []
        for path in paths[at : at + 100]:
            fd = program.openat(AT_FDCWD, path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            program.close(fd)
            steps.append((path, fd))
        replies = proc.run(program)
        told += [replies[step] for _, step in steps]
        writable += [path for path, step in steps if replies[step].ok]
    return writable, told
