"""What a box may do with a directory that it was given read-only, beside writing to it."""

import os
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Volume, family, severity, weaken
from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import must
from pytest_isolation.guarantees.severity import Consequence
from pytest_isolation.outside.network.listeners import UNIX_KINDS, sockaddr_un
from pytest_isolation.outside.objects.locks import HELD, locked
from pytest_isolation.strategies import tokens

TARGET = "/volume"


def _socket(promise: Guarantee, box: Box, proc: Proc, host: Path, name: str, way: int) -> None:
    """A read-only mount refuses writes to files: connect(2) is none (path_resolution(7), unix(7))."""
    kind = list(UNIX_KINDS)[way]
    how, ear = UNIX_KINDS[kind] | socket.SOCK_CLOEXEC, box.outside.proc
    fd = must(ear.socket(socket.AF_UNIX, how | socket.SOCK_NONBLOCK), "a socket of the host").value
    place = must(ear.openat(AT_FDCWD, host, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), "the directory").value
    try:
        # By a short way: an address has room for 108 bytes of a path (unix(7)).
        must(ear.bind(fd, sockaddr_un(f"/proc/self/fd/{place}/{name}".encode())), "its path")
        must(ear.fchmodat(AT_FDCWD, host / name, 0o777), "its mode")
        if kind != "datagram":
            must(ear.listen(fd, 4), "a host that listens")
        program = Program()
        opened = program.socket(socket.AF_UNIX, how | socket.SOCK_NONBLOCK)
        connected = program.connect(opened, sockaddr_un(os.fsencode(f"{TARGET}/{name}")))
        program.sendto(opened, name.encode(), socket.MSG_NOSIGNAL)
        replies = proc.run(program)
        told = replies[connected] if replies[opened].ok else replies[opened]
        arrived = ear.recvfrom(fd, 99) if kind == "datagram" else ear.accept4(fd, socket.SOCK_CLOEXEC)
        if arrived.ok and kind != "datagram":
            ear.close(arrived.value)
        promise.tried(told)
        promise.held("refused")
        promise.require(not arrived.ok, told, arrived=str(arrived))
    finally:
        ear.close(fd)
        ear.close(place)


def _fifo(promise: Guarantee, box: Box, proc: Proc, host: Path, name: str, way: int) -> None:
    """Bytes to a FIFO are no write to its file system: it may be read-only, mount(2) MS_RDONLY, fifo(7)."""
    ear = box.outside.proc
    must(ear.mknodat(AT_FDCWD, host / name, stat.S_IFIFO | 0o666), "a FIFO of the host")
    must(ear.fchmodat(AT_FDCWD, host / name, 0o666), "its mode")
    fd = must(ear.openat(AT_FDCWD, host / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "its end").value
    try:
        program = Program()
        flags = (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND)[way]
        opened = program.openat(AT_FDCWD, f"{TARGET}/{name}", flags | os.O_NONBLOCK | os.O_CLOEXEC)
        program.write(opened, name.encode())
        told = proc.run(program)[opened]
        came = ear.read(fd, 99).data
        promise.tried(told)
        promise.held("refused")
        promise.require(came != name.encode(), told, came=came.decode(errors="replace"))
    finally:
        ear.close(fd)


def _lock(promise: Guarantee, box: Box, proc: Proc, host: Path, name: str, way: int) -> None:
    """A lock for reading needs no right to write, flock(2) not even for an exclusive one."""

    _write(box, host / name)
    told = promise.prepared(proc.openat(AT_FDCWD, f"{TARGET}/{name}", os.O_RDONLY | os.O_CLOEXEC), "the file to read")
    reply = locked(proc, told.value, way, exclusive=False)
    with box.outside.process() as theirs:
        fd = must(theirs.proc.openat(AT_FDCWD, host / name, os.O_RDWR | os.O_CLOEXEC), "the host's own file").value
        hosts = locked(theirs.proc, fd, way, exclusive=True)
        if hosts.errno not in HELD:
            must(hosts, "the host's own lock")
    promise.tried(reply)
    promise.held("isolated" if reply.ok else "refused")
    promise.require(not (reply.ok and hosts.errno in HELD), reply, hosts_own=str(hosts))


def _watch(promise: Guarantee, box: Box, proc: Proc, host: Path, name: str, way: int) -> None:
    """The decoy: what the box itself opens there, its watch tells of."""
    _write(box, host / name)
    own = f"own-{name}"
    _write(box, host / own)
    fd = promise.prepared(proc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "an instance of inotify").value
    added = promise.prepared(proc.inotify_add_watch(fd, TARGET, IN_ALL), "a watch")
    opened = promise.prepared(proc.openat(AT_FDCWD, f"{TARGET}/{own}", os.O_RDONLY | os.O_CLOEXEC), "the file to read")
    ear = box.outside.proc
    program = Program()
    match way:
        case 0:
            there = program.openat(AT_FDCWD, host / name, os.O_RDONLY | os.O_CLOEXEC)
        case 1:
            there = program.openat(AT_FDCWD, host / name, os.O_WRONLY | os.O_CLOEXEC)
            program.write(there, b"written by the host")
        case _:
            there = program.fchmodat(AT_FDCWD, host / name, 0o600)
    if way < 2:
        program.close(there)
    must(ear.run(program)[there], "what the host does there")
    told = proc.read(fd, 8192)
    promise.receipt(own.encode() in told.data, opened, added, told)
    events = told.data.replace(own.encode(), b"")
    promise.require(name.encode() not in events, added, told, seen="what the host did")


def _write(box: Box, path: Path) -> None:
    ear = box.outside.proc
    fd = must(ear.openat(AT_FDCWD, path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "a file of the host").value
    must(ear.fchmod(fd, 0o666), "its mode")
    ear.close(fd)


IN_ALL = 0xFFF
"""inotify(7), IN_ALL_EVENTS."""


@dataclass(frozen=True)
class Use:
    slug: str
    claim: str
    reach: Consequence
    why: str
    sources: tuple[str, ...]
    oracle: Literal["witness", "receipt"]
    try_: Callable[[Guarantee, Box, Proc, Path, str, int], None]


USES = (
    Use(
        "sockets-closed", "no connection and no datagram from inside arrives at a socket of the host",
        severity.host("connects to sockets in read-only directories"),
        "read-only says nothing of sockets: who hands in a directory for its files hands in what listens there",
        ("man:unix(7)", "man:mount(2) MS_RDONLY"), "witness", _socket,
    ),
    Use(
        "fifos-closed", "nothing written inside arrives at a process of the host that reads a FIFO",
        severity.host("writes to FIFOs in read-only directories"),
        "a FIFO is opened for writing in a directory that takes no write",
        ("man:fifo(7)", "man:mount(2) MS_RDONLY"), "witness", _fifo,
    ),
    Use(
        "locks-apart", "no lock that a process inside holds keeps a process of the host from the lock of a file",
        severity.use("locks the host out of files it may only read"),
        "a lock that is never given back stops who waits for it, and needs no right to write",
        ("man:flock(2)", "man:fcntl_locking(2)"), "witness", _lock,
    ),
    Use(
        "watches-apart", "no watch inside tells what a process of the host does with a file",
        severity.learns("watches what the host does with files"),
        "when a file is read, written or changed, and by its name, though not by whom",
        ("man:inotify(7)",), "receipt", _watch,
    ),
)  # fmt: skip

apart = family(
    "vol.read-only-{entry.slug}",
    over=USES,
    claim="{entry.claim} in a directory that the box was given read-only",
    sources=lambda entry: entry.sources,
    severity=lambda entry: entry.reach,
    falsified_by=weaken.drop("own-kernel"),
    oracle=lambda entry: entry.oracle,
    box={"volumes": (Volume(target=TARGET, read_only=True),)},
    distinct="{entry.why}",
)


@apart
@given(name=tokens(), way=st.integers(0, 2))
def test_read_only_keeps_apart(box: Box, promise: Guarantee, entry: Use, name: str, way: int) -> None:
    host = box.parts.volumes[TARGET]
    try:
        with box.spawn() as proc:
            entry.try_(promise, box, proc, host, name[-16:], way)
    finally:
        for one in box.outside.path(host).iterdir():
            one.unlink()
