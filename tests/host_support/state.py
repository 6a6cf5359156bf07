"""What trials could leave in a kernel, read through an agent that is the only one there."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, DT
from pytest_isolation.agent.shortcuts import entries, listing
from pytest_isolation.support.kernel import read_all
from pytest_isolation.support.trial import wait_until

DRIFTING = {"random", "file-nr", "inode-nr", "inode-state", "dentry-state", "ns_last_pid", "pty", "stat_refresh"}
State = dict[str, str]


def state(proc: Proc) -> State:
    """A name for each thing -> its value, where it has one."""
    found = {f"mount {line.split(' ', 3)[3]}": "" for line in lines(proc, "/proc/self/mountinfo")}
    found |= {f"module {line.split()[0]}": "" for line in lines(proc, "/proc/modules")}
    found |= {f"link {line.split()[0]}": "" for line in lines(proc, "/proc/net/dev")}
    found |= {f"shared memory {line.split()[1]}": "" for line in lines(proc, "/proc/sysvipc/shm")}
    found |= {f"keys of {line.split()[0]}": line.split()[2] for line in lines(proc, "/proc/key-users")}
    found |= {
        f"process {name}": ""
        for name in listing(proc, "/proc")
        if name.isdigit() and lines(proc, f"/proc/{name}/cmdline")
    }
    found |= {f"file {path}": "" for path in walk(proc, "/tmp")}
    for path in walk(proc, "/sys/fs/cgroup"):
        if path.endswith(".procs"):
            group = path.rpartition("/")[0]
            found[f"group {group}"] = read_all(proc, f"{group}/cgroup.subtree_control").decode().strip()
    paths = [path for path in walk(proc, "/proc/sys") if not DRIFTING & set(path.split("/"))]
    for at in range(0, len(paths), 40):
        found |= read_each(proc, paths[at : at + 40])
    return found


def read_each(proc: Proc, paths: list[str]) -> State:
    """The first words of each file, in one round trip."""
    program = Program()
    steps = []
    for path in paths:
        opened = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_NONBLOCK)
        steps.append(program.read(opened, 256))
        program.close(opened)
    replies = proc.run(program)
    return {path: replies[step].data.decode().strip() for path, step in zip(paths, steps, strict=True)}


def changes(before: State, proc: Proc) -> dict[str, tuple[str | None, str | None]]:
    """Each thing that is not as before: its value then and now.  The kernel takes down some things a little later."""
    found: dict[str, tuple[str | None, str | None]] = {}

    def none() -> bool:
        now = state(proc)
        found.clear()
        found.update(
            {one: (before.get(one), now.get(one)) for one in {*before, *now} if before.get(one) != now.get(one)}
        )
        return not found

    wait_until(none, 10)
    return found


def lines(proc: Proc, path: str) -> list[str]:
    return [line for line in read_all(proc, path).decode().splitlines() if line.strip()]


def walk(proc: Proc, top: str) -> Iterator[str]:
    """The files below a directory."""
    for name, kind in entries(proc, top):
        if kind == DT.DIR and name not in (".", ".."):
            yield from walk(proc, f"{top}/{name}")
        elif kind == DT.REG:
            yield f"{top}/{name}"
