"""Two boxes do not meet in a file of their roots: not by a lock, a watch, a FIFO or a socket there."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, Unsupported, family, severity, weaken
from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.guarantees.severity import Consequence
from pytest_isolation.outside.network.listeners import UNIX_KINDS, sockaddr_un
from pytest_isolation.outside.network.netlink import NO_SOCKET
from pytest_isolation.outside.objects.locks import HELD, locked
from pytest_isolation.outside.objects.mounts import place_in_root
from pytest_isolation.strategies import tokens

IN_OPEN_OR_CREATE = 0x20 | 0x100


def _lock(promise: Guarantee, box: Box, ours: Proc, theirs: Proc, path: str, way: int) -> None:
    """A file that each makes, and each that both have from their image: a lock for reading needs no right to write."""
    asked = False
    refused: Reply | None = None
    made = (path,) if path else ()
    for file in (*made, *box.files) if way == 0 else made:  # who may only read takes a lock by flock(2) alone
        held, met = (_opened(proc, file, made=file == path) for proc in (ours, theirs))
        if not (held.ok and met.ok):
            continue
        reply = locked(ours, held.value, way, exclusive=False)
        # The other's file may be open for reading alone: what it asks for then is a lock for reading, by flock(2) more.
        theirs_own = locked(theirs, met.value, way, exclusive=file == path)
        theirs.close(met.value)
        ours.close(held.value)
        if not theirs_own.ok and theirs_own.errno not in HELD:
            refused = theirs_own
            continue  # the other box takes no lock at all: it can meet none
        asked = True
        promise.tried(reply)
        met_there = reply.ok and theirs_own.errno in HELD
        promise.require(not met_there, reply, file=file, the_others=str(theirs_own))
    if not asked:
        promise.undecided(f"the other box takes no lock of a file ({refused or 'it opens none'})")


def _opened(proc: Proc, path: str, *, made: bool) -> Reply:
    flags = os.O_RDWR | os.O_CREAT if made else os.O_RDONLY
    return proc.openat(AT_FDCWD, path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)


def _watch(promise: Guarantee, box: Box, ours: Proc, theirs: Proc, path: str, way: int) -> None:
    """The decoy: what the box does there itself, its watch tells of."""
    directory, own = os.path.dirname(path), f"{path}-own"
    fd = promise.prepared(ours.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "an instance of inotify").value
    added = promise.prepared(ours.inotify_add_watch(fd, directory, IN_OPEN_OR_CREATE), "a watch")
    promise.prepared(_opened(ours, own, made=True), "a file there")
    match way:
        case 0:
            there = _opened(theirs, path, made=True)
        case 1:
            there = theirs.mkdirat(AT_FDCWD, path)
        case _:
            there = theirs.symlinkat("nowhere", AT_FDCWD, path)
    promise.prepared(there, "something that the other box makes")
    told = ours.read(fd, 8192)
    promise.receipt(os.path.basename(own).encode() in told.data, added, told)
    names = told.data.replace(os.path.basename(own).encode(), b"")
    promise.require(os.path.basename(path).encode() not in names, added, told, seen="what the other box made")


def _fifo(promise: Guarantee, box: Box, ours: Proc, theirs: Proc, path: str, way: int) -> None:
    ears = []
    for proc in (theirs, ours):  # made twice where there are two
        proc.mknodat(AT_FDCWD, path, stat.S_IFIFO | 0o666)
        ears.append(promise.prepared(proc.openat(AT_FDCWD, path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC), "a FIFO"))
    flags = (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND)[way]
    program = Program()
    fd = program.openat(AT_FDCWD, path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    written = program.write(fd, path.encode())
    told = ours.run(program)[written]
    came = theirs.read(ears[0].value, 256)
    promise.tried(told)
    promise.require(came.data != path.encode(), told, the_other_reads=str(came))


def _socket(promise: Guarantee, box: Box, ours: Proc, theirs: Proc, path: str, way: int) -> None:
    """A path that is not there is the answer of a root of its own."""
    kind = list(UNIX_KINDS)[way]
    how, name = UNIX_KINDS[kind] | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, sockaddr_un(path.encode())
    ear = promise.prepared(theirs.socket(socket.AF_UNIX, how), "a socket in the other box")
    promise.prepared(theirs.bind(ear.value, name), "a path for it")
    theirs.fchmodat(AT_FDCWD, path, 0o777)
    if kind != "datagram":
        promise.prepared(theirs.listen(ear.value, 4), "a box that listens")
    program = Program()
    fd = program.socket(socket.AF_UNIX, how)
    connected = program.connect(fd, name)
    program.sendto(fd, path.encode(), socket.MSG_NOSIGNAL)
    replies = ours.run(program)
    promise.tried(replies[fd], vain=NO_SOCKET)
    told = replies[connected] if replies[fd].ok else replies[fd]
    arrived = theirs.recvfrom(ear.value, 99) if kind == "datagram" else theirs.accept4(ear.value)
    promise.require(not arrived.ok, told, the_other=str(arrived))


@dataclass(frozen=True)
class Meeting:
    id: str
    claim: str
    reach: Consequence
    why: str
    sources: tuple[str, ...]
    oracle: Literal["witness", "receipt"]
    meet: Callable[[Guarantee, Box, Proc, Proc, str, int], None]


MEETINGS = (
    Meeting(
        "mnt.locks-not-shared",
        "no lock that a process of the box holds keeps another box from the lock of a file of its root or its image",
        severity.neighbour("locks another box out of its own files"),
        "the bytes may be apart, and the file that is locked the same: of an image that is mounted in both",
        ("man:flock(2)", "man:fcntl_locking(2)"), "witness", _lock,
    ),
    Meeting(
        "mnt.watches-not-shared", "no watch in the box tells what another box does with the files of its root",
        severity.neighbour("watches what another box does with its files"),
        "names and times of what a neighbour does, where nothing of what it writes can be read",
        ("man:inotify(7)",), "receipt", _watch,
    ),
    Meeting(
        "mnt.fifos-not-shared", "nothing that a process writes to a FIFO of the box's root is read in another box",
        severity.neighbour("writes to FIFOs of another box"),
        "no file system holds the bytes: whoever has the same file is spoken to", ("man:fifo(7)",), "witness", _fifo,
    ),
    Meeting(
        "mnt.sockets-not-shared",
        "nothing from a box arrives at a socket that another box from the same spec has bound to a path of its root",
        severity.neighbour("connects to sockets in another box's files"),
        "a path, not an address: no network keeps it apart, the root alone does", ("man:unix(7)",), "witness", _socket,
    ),
)  # fmt: skip

apart = family(
    "{entry.id}",
    over=MEETINGS,
    claim="{entry.claim}",
    sources=lambda entry: (*entry.sources, "man:mount_namespaces(7)"),
    severity=lambda entry: entry.reach,
    falsified_by=weaken.drop("private-root"),
    oracle=lambda entry: entry.oracle,
    kind="per-window",
    intrusive=True,
    distinct="{entry.why}",
)


@apart
@given(name=tokens(), way=st.integers(0, 2))
def test_boxes_do_not_meet(box: Box, promise: Guarantee, entry: Meeting, name: str, way: int) -> None:
    path = _place(box, entry, name)
    with _gone(box, path), box.spawn() as ours, box.sibling.spawn() as theirs:
        entry.meet(promise, box, ours, theirs, path, way)


def _place(box: Box, entry: Meeting, name: str) -> str:
    """Where a file can be made; "" where none can, and a file that is there already serves."""
    try:
        return place_in_root(box, name)
    except Unsupported:
        if entry.meet is _lock and box.files:
            return ""
        raise


@contextmanager
def _gone(box: Box, path: str) -> Iterator[None]:
    try:
        yield
    finally:
        for proc in (box.proc, box.sibling.proc):
            for one in (path, f"{path}-own") if path else ():
                if not proc.unlinkat(AT_FDCWD, one).ok:
                    proc.unlinkat(AT_FDCWD, one, AT.REMOVEDIR)
