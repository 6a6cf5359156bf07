"""A few calls that are always made together."""

from __future__ import annotations

import os

from pytest_isolation.agent.client import Proc, Program, Replies, Reply
from pytest_isolation.agent.constants import AT_FDCWD as AT_FDCWD
from pytest_isolation.agent.constants import PR
from pytest_isolation.errors import BoxError, Undecided


def must(reply: Reply, doing: str) -> Reply:
    """The reply, or a BoxError that says what the kernel refused."""
    if not reply.ok:
        raise BoxError(f"{doing}: {reply}")
    return reply


def needed(reply: Reply, what: str) -> Reply:
    """The reply of a call that only makes ready for what is asked; Undecided where it was refused.

    `what`: what it was to make, as a noun: "a directory to mount on".
    """
    if not reply.ok:
        raise Undecided(f"the box does not let us have {what} ({reply.name}: {os.strerror(reply.errno)})")
    return reply


def read(proc: Proc, path: str | bytes, count: int = 65536) -> Reply:
    """open, read once, close: the read's reply, or the open's when that was refused."""
    program = Program()
    fd = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    data = program.read(fd, count)
    program.close(fd)
    replies = proc.run(program)
    return replies[data] if replies[fd].ok else replies[fd]


def read_records(proc: Proc, path: str | bytes) -> list[Reply]:
    """A table of the kernel's: the reads that gave something; each gives whole lines (seq_file, a page at a time).

    The open's reply alone when that was refused.
    """
    opened = proc.openat(AT_FDCWD, path, os.O_RDONLY | os.O_CLOEXEC)
    if not opened.ok:
        return [opened]
    found: list[Reply] = []
    # Not one read more than it takes: the one that finds the end of /proc/net/tcp walks a table of a million buckets.
    while (piece := proc.read(opened.value, 8192)).data and len(found) < 64:
        found.append(piece)
    proc.close(opened.value)
    return found


def write(proc: Proc, path: str | bytes, data: bytes, flags: int = os.O_WRONLY, mode: int = 0o600) -> Reply:
    """open, write once, close: the write's reply, or the open's when that was refused."""
    program = Program()
    fd = program.openat(AT_FDCWD, path, flags | os.O_CLOEXEC, mode)
    written = program.write(fd, data)
    program.close(fd)
    replies = proc.run(program)
    return replies[written] if replies[fd].ok else replies[fd]


def listing(proc: Proc, path: str | bytes) -> list[str]:
    """The names in a directory; empty when it cannot be read."""
    return [name for name, _ in entries(proc, path)]


def entries(proc: Proc, path: str | bytes) -> list[tuple[str, int]]:
    """Name and type (DT_DIR is 4: readdir(3)) of what is in a directory; empty when it cannot be read."""
    program = Program()
    fd = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    pieces = [program.getdents64(fd, 32768) for _ in range(8)]
    program.close(fd)
    replies = proc.run(program)
    found: list[tuple[str, int]] = []
    for piece in pieces:
        data, at = replies[piece].data, 0
        while at < len(data):
            length = int.from_bytes(data[at + 16 : at + 18], "little")
            found.append((os.fsdecode(data[at + 19 : at + length].split(b"\0", 1)[0]), data[at + 18]))
            at += length
    return [(name, kind) for name, kind in found if name not in (".", "..")]


def names_in(proc: Proc, place: str, *unlisted: int) -> dict[int, bytes]:
    """pid -> name and command line of every process in the /proc mounted at `place`; empty where there is none.

    `unlisted`: numbers that are asked as well, whether the directory lists them or not.
    """
    listed = [int(name) for name in listing(proc, place) if name.isdigit()]
    pids = list(dict.fromkeys([*listed, *unlisted] if listed else ()))
    found: dict[int, bytes] = {}
    for at in range(0, len(pids), 100):
        program = Program()
        steps = []
        for pid in pids[at : at + 100]:
            for file in ("comm", "cmdline"):
                fd = program.openat(AT_FDCWD, f"{place}/{pid}/{file}", os.O_RDONLY | os.O_CLOEXEC)
                steps.append((pid, program.read(fd, 512)))
                program.close(fd)
        replies = proc.run(program)
        for pid, step in steps:
            found[pid] = found.get(pid, b"") + replies[step].data
    return found


def set_name(proc: Proc, name: str) -> Reply:
    """prctl(PR_SET_NAME): the first 15 characters show in /proc/PID/comm."""
    return proc.prctl(PR.SET_NAME, name)


def finished(replies: Replies, program: Program) -> bool:
    """Whether a program with stop_on_error ran to its end without an error."""
    return len(replies) == len(program) and (not replies or replies[len(replies) - 1].ok)
