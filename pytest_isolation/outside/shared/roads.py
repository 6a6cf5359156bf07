"""The roads by which a box might come to a path of its host, and what is found at their ends."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.client import Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import Step
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.door import Door
from pytest_isolation.outside.network.listeners import sockaddr_un
from pytest_isolation.outside.processes import canary_for
from pytest_isolation.outside.shared.found import Shared, shared
from pytest_isolation.outside.shared.table import below, join

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.box import RunningBox

FIXED = ("", "/proc/1/root", "/proc/self/root", "/proc/self/cwd", "/..", "/../../..", "/host")
"""Before the host's path: roads that need no mount of their own, and the name that many give the host."""
AT_ONCE = 100
"""Roads in one program."""
UNIX_PATH_MAX = 107
OF_THE_KERNEL = ("/proc", "/sys", "/dev")
"""Every box has such, of its own or the host's: what may be done there, guarantees of their own say."""

Told: TypeAlias = "tuple[Road, Reply]"


@dataclass(frozen=True, slots=True)
class Road:
    """A path in the box, relative to the open directory `at` of its first process unless it is absolute."""

    path: str
    host: str
    """Where it would lead to."""
    at: int = AT_FDCWD

    def __str__(self) -> str:
        return self.path if self.at == AT_FDCWD else f"fd {self.at}, {self.path}"


def roads(box: RunningBox, hosts: Iterable[str], prefixes: Iterable[str] = FIXED) -> list[Road]:
    """Every road to each path of `hosts`: by what the box was really given first, then by the fixed ways."""
    found: list[Road] = []
    given = shared(box)
    prefixes = (*prefixes, *_by_processes(box, given))
    for host in hosts:
        found += (road for one in given for road in _by(box, one, host))
        found += (Road(f"{prefix}{host}", host) for prefix in prefixes)
    return list(dict.fromkeys(found))


def _by_processes(box: RunningBox, given: Iterable[Shared]) -> Iterator[str]:
    """The root of a host's process, ours, in every /proc of the box: proc_pid_root(5).

    The canary's number names nothing else in the box.  The host's first process may be out of reach where others
    are not: it has more capabilities.
    """
    pid = canary_for(box).pid
    for target in ("/proc", *(one.target for one in given if one.fstype == "proc" and one.host is not None)):
        yield join(target, f"/{pid}/root")


def _by(box: RunningBox, one: Shared, host: str) -> Iterator[Road]:
    if one.fd is not None:
        if one.directory and one.host is not None and box.spec.door == Door.START:
            yield Road(os.path.relpath(host, one.host), host, one.fd)
    elif one.host is not None:
        rest = below(host, one.host)
        if rest is not None:
            yield Road(join(one.target, rest), host)
    elif one.kind in ("unknown", "own"):
        # Nobody says which of the host's directories it is, if any: it may be any one above.
        parts = host.strip("/").split("/")
        for first in range(len(parts) - 1):
            yield Road(join(one.target, f"/{'/'.join(parts[first:])}"), host)


def _each(proc: Proc, ways: list[Road], add: Callable[[Program, Road], tuple[Step, Step]]) -> Iterator[Told]:
    """Each road with the second call's reply, or with the first one's when that was refused."""
    for at in range(0, len(ways), AT_ONCE):
        program = Program()
        steps = [add(program, road) for road in ways[at : at + AT_ONCE]]
        replies = proc.run(program)
        for road, (opened, done) in zip(ways[at : at + AT_ONCE], steps, strict=True):
            yield road, replies[done] if replies[opened].ok else replies[opened]


def read_by(proc: Proc, ways: list[Road], count: int = 64) -> Iterator[Told]:
    """Open and read at the end of each road."""

    def add(program: Program, road: Road) -> tuple[Step, Step]:
        fd = program.openat(road.at, road.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        data = program.read(fd, count)
        program.close(fd)
        return fd, data

    return _each(proc, ways, add)


def write_by(proc: Proc, ways: list[Road], data: bytes) -> Iterator[Told]:
    """Open and write at the end of each road; nothing is made where there is nothing."""

    def add(program: Program, road: Road) -> tuple[Step, Step]:
        fd = program.openat(road.at, road.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        written = program.write(fd, data)
        program.close(fd)
        return fd, written

    return _each(proc, ways, add)


def connect_by(proc: Proc, ways: list[Road], kind: int = socket.SOCK_STREAM) -> Iterator[Told]:
    """Connect at the end of each road and close: not a word is said."""

    def add(program: Program, road: Road) -> tuple[Step, Step]:
        fd = program.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        tried = program.connect(fd, sockaddr_un(os.fsencode(_name(road)) + b"\0"))
        program.close(fd)
        return fd, tried

    return _each(proc, [road for road in ways if len(os.fsencode(_name(road))) <= UNIX_PATH_MAX], add)


def _name(road: Road) -> str:
    return road.path if road.at == AT_FDCWD else f"/proc/self/fd/{road.at}/{road.path}"


def named(proc: Proc, ways: list[Road]) -> Iterator[tuple[Road, tuple[int, int] | None]]:
    """(device, inode) of what is at the end of each road; None for nothing."""

    def add(program: Program, road: Road) -> tuple[Step, Step]:
        told = program.statx(road.at, road.path)
        return told, told

    for road, reply in _each(proc, ways, add):
        data = reply.data
        if not reply.ok or len(data) < 144:
            yield road, None
        else:
            major, minor = struct.unpack_from("<2I", data, 136)
            yield road, (os.makedev(major, minor), struct.unpack_from("<Q", data, 32)[0])


def on_the_host(box: RunningBox, path: str) -> tuple[int, int] | None:
    """(device, inode) of a path of the host; None where there is nothing."""
    try:
        found = box.parts.host.path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_the_hosts(box: RunningBox, road: Road, found: tuple[int, int] | None) -> bool:
    """Whether `found` at the end of `road` is the host's very one.

    By device and inode, where the kernel is the host's; else by what the engine says that it handed in there.
    """
    if found is None:
        return False
    if box.parts.shares_kernel:
        return found == on_the_host(box, road.host)
    return any(one.target == road.path and one.host == road.host for one in shared(box))


def the_hosts(box: RunningBox, besides: set[str]) -> list[Road]:
    """Roads to the places and files of the host's system that the box was given, but those in `besides`.

    Each was seen to be the very one, by device and inode.  For places that take no mark of ours.
    """
    if not box.parts.shares_kernel:
        return []
    ways = [
        Road(one.target, one.host)
        for one in shared(box)
        if one.kind == "system" and one.fd is None and one.host is not None and one.host not in besides
        if not any(below(one.host, kernels) is not None for kernels in OF_THE_KERNEL)
    ]
    return [road for road, found in named(box.proc, ways) if found and found == on_the_host(box, road.host)]


def own_file(box: RunningBox) -> tuple[bool, Reply]:
    """Whether the box reads a file of which we know the contents, its agent's: a receipt without a file to be made."""
    wanted = agent_binary().read_bytes()[:4096]
    told = [box.parts.agent_path, "/proc/self/exe", "/init"]
    reply = read(box.proc, told[0], 4096)
    for path in told[1:]:
        if reply.data == wanted:
            break
        reply = read(box.proc, path, 4096)
    return reply.data == wanted, reply
