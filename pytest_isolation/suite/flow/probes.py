"""Receivers: each asks one thing of its side, and answers with a text.

Of a file, what is in it; of a directory, its names; of calls, what they returned.  Descriptors are opened once and read
again and again: a read at offset 0 makes a file of /proc or /sys anew (Documentation/filesystems/seq_file.rst).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pytest_isolation.agent.client import Program, Replies
from pytest_isolation.agent.constants import AT_FDCWD, F
from pytest_isolation.agent.memory import In, OutBuffer, Step
from pytest_isolation.suite.flow.acts import NAME, NAMESPACE_FILES, SO_COOKIE, Place, flock, sockaddr_in, sockaddr_un

Read: TypeAlias = "Callable[[Replies], bytes]"
DIRECTORY = 16384
TIMED = 40
"""Calls between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One receiver."""

    name: str
    """The path, or the call."""
    resource: str
    """As of an act."""
    text: str
    """As C."""
    add: Callable[[Program, int, Place], Read]
    """Adds its calls to a program; what is returned reads their answer.  The number is the open descriptor, or -1."""
    path: str = ""
    """What is opened first."""
    flags: int = os.O_RDONLY
    kind: str = "value"
    """value, listing (names), answer (what calls return) or time."""


def file(path: str, size: int) -> Probe:
    """A file of `size` bytes, when it was last read."""
    room = min(16384, max(512, size + size // 4 + 64))

    def add(program: Program, fd: int, place: Place) -> Read:
        step = program.pread64(fd, room)

        def read(replies: Replies) -> bytes:
            reply = replies[step]
            return reply.data if reply.ok else _failed(replies, step)

        return read

    return Probe(path, resource_of(path), f'read(open("{path}", O_RDONLY), buf, {room})', add, path)


def listing(path: str) -> Probe:
    """The names in a directory."""

    def add(program: Program, fd: int, place: Place) -> Read:
        program.lseek(fd, 0, os.SEEK_SET)
        step = program.getdents64(fd, DIRECTORY)
        return lambda replies: b"\n".join(sorted(_names(replies[step].data)))

    text = f'getdents64(open("{path}", O_RDONLY | O_DIRECTORY), buf, {DIRECTORY})'
    return Probe(path + "/", resource_of(path), text, add, path, os.O_RDONLY | os.O_DIRECTORY, "listing")


def _names(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at + 16 : at + 18], "little")
        found.append(data[at + 19 : at + length].split(b"\0", 1)[0])
        at += length
    return found


def _failed(replies: Replies, *steps: Step) -> bytes:
    return b"\n".join(f"{replies[step].name} {min(replies[step].value, 0)}".encode() for step in steps)


def resource_of(path: str) -> str:
    """The class of kernel object that a file tells of, by its place: for taking turns, and for readers."""
    for part, resource in PARTS.items():
        if part in path:
            return resource
    return "counters"


PARTS: Mapping[str, str] = {
    "/proc/self/net": "sockets", "/proc/sys/net": "sockets", "/sysvipc": "ipc", "/mqueue": "ipc", "/key": "keys",
    "/locks": "locks", "/proc/sys/fs": "files", "/pty": "files", "mount": "namespaces", "mem": "memory",
    "/vm": "memory", "slab": "memory", "time": "clocks", "stat": "counters", "/proc/sys/kernel": "ids", "/tmp": "names",
    "/sys/": "devices",
}  # fmt: skip


# -- calls --------------------------------------------------------------------------------


def _answers(*calls: Callable[[Program], Step]) -> Callable[[Program, int, Place], Read]:
    """What each call wrote; where it failed, its errno."""

    def add(program: Program, fd: int, place: Place) -> Read:
        steps = [call(program) for call in calls]
        return lambda replies: b"\n".join(
            replies[step].data.split(b"\0\0", 1)[0].replace(b"\0", b" ") or _failed(replies, step) for step in steps
        )

    return add


def _bind_unix(number: int) -> Callable[[Program, int, Place], Read]:
    def add(program: Program, fd: int, place: Place) -> Read:
        made = program.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        bound = program.bind(made, sockaddr_un(number))
        program.close(made)
        return lambda replies: _failed(replies, bound)

    return add


def _bind_tcp(program: Program, fd: int, place: Place) -> Read:
    made = program.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    bound = program.bind(made, sockaddr_in(place.port))
    program.close(made)
    return lambda replies: _failed(replies, bound)


def _cookie(program: Program, fd: int, place: Place) -> Read:
    made = program.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    told = program.getsockopt(made, socket.SOL_SOCKET, SO_COOKIE, 8)
    program.close(made)
    return lambda replies: (
        b"cookie %d" % int.from_bytes(replies[told].outs[0][:8] if replies[told].outs else b"", "little")
    )


def _sysinfo(program: Program, fd: int, place: Place) -> Read:
    step = program.sysinfo()

    def read(replies: Replies) -> bytes:
        data = replies[step].data
        names = ("uptime", "load1", "load5", "load15", "total", "free", "shared", "buffers", "swap", "fswap", "procs")
        return (
            b"\n".join(
                b"%s %d" % (name.encode(), number)
                for name, number in zip(names, struct.unpack_from("<10QH", data), strict=True)
            )
            if len(data) >= 82
            else _failed(replies, step)
        )

    return read


def _lock_seen(program: Program, fd: int, place: Place) -> Read:
    step = program.fcntl(fd, F.OFD_GETLK, OutBuffer(32, data=flock(F.WRLCK, 0, 0)))
    return lambda replies: b"lock %d" % int.from_bytes(replies[step].outs[0][:2], "little", signed=True)


def _lock_time(program: Program, fd: int, place: Place) -> Read:
    """How long it takes to lock and unlock a range that nobody else locks: the answers are always the same."""
    before = program.clock_gettime(1)
    first = program.fcntl(fd, F.OFD_SETLK, In(flock(F.RDLCK, 1 << 30)))
    program.fcntl(fd, F.OFD_SETLK, In(flock(F.UNLCK, 1 << 30)))
    program.loop(first, times=TIMED)
    after = program.clock_gettime(1)

    def read(replies: Replies) -> bytes:
        (s1, n1), (s2, n2) = (struct.unpack("<2q", replies[one].data[:16]) for one in (before, after))
        return b"ns %d" % ((s2 - s1) * 10**9 + n2 - n1)

    return read


def calls(place: Place) -> Sequence[Probe]:
    """Receivers that are calls; those of a kind that does not work on a side answer the same always."""
    found = [
        Probe("uname", "names", "uname(&buf)", _answers(lambda p: p.uname()), kind="answer"),
        Probe("sysinfo", "counters", "sysinfo(&info)", _sysinfo, kind="value"),
        Probe("SO_COOKIE", "ids", "getsockopt(socket(AF_INET, SOCK_DGRAM, 0), SOL_SOCKET, SO_COOKIE, ...)", _cookie),
        Probe(
            "bind 127.0.0.1", "names", "bind(socket(AF_INET, SOCK_STREAM, 0), 127.0.0.1:PORT)", _bind_tcp, kind="answer"
        ),
        *(
            Probe(
                f"bind @{NAME}-{number}",
                "names",
                f'bind(socket(AF_UNIX, SOCK_STREAM, 0), "@{NAME}-{number}")',
                _bind_unix(number),
                kind="answer",
            )
            for number in range(2)
        ),
        *(
            Probe(
                f"lock {path}",
                "locks",
                f'fcntl(open("{path}", O_RDONLY), F_OFD_GETLK, &(struct flock){{ F_WRLCK }})',
                _lock_seen,
                path,
                kind="answer",
            )
            for path in (*(f"/proc/self/ns/{name}" for name in NAMESPACE_FILES), place.locked)
        ),
        Probe(
            f"lock time {place.locked}",
            "locks",
            f'clock_gettime around {TIMED} x fcntl(open("{place.locked}", O_RDONLY), F_OFD_SETLK, ...)',
            _lock_time,
            place.locked,
            kind="time",
        ),
    ]
    return found


def opened(program: Program, probe: Probe) -> Step:
    """Opens what the probe reads."""
    return program.openat(AT_FDCWD, probe.path, probe.flags | os.O_NONBLOCK | os.O_CLOEXEC)
