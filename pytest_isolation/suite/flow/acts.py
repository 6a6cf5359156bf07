"""What a sender may do: calls that take something of the kernel's, and the calls that give it back.

Every act is harmless on a box that isolates nothing: it takes little, names nothing of a stranger's, and what it made
goes with the process that made it, a SIGKILL included.  The few that leave a name until it is removed (`needs`) are
offered only where that name is in a namespace, or a root, that is not the host's.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT_FDCWD, CLONE, IPC, IPC_GET, IPC_PRIVATE, KEYCTL, F, W
from pytest_isolation.agent.memory import At, In, Step
from pytest_isolation.outside.objects.keys import PROCESS_KEYRING

Undo: TypeAlias = "Callable[[Program, int], object]"
"""Adds the calls that give back what a call returned."""
Held: TypeAlias = "tuple[Step, Undo]"

NAME = "pytest-isolation-flow"
"""What is named by us, in a box or on its host, begins so."""
SLOT = 40_000
"""Children of a sender have slots of the agent from here on: see Proc.spawn."""
NAMED_IN = ("/tmp", "/home")
"""Directories in which a file is made, where they are not the host's."""
ROOTS = "/home"
"""A directory of the root of most images."""
SHARED_LOCKS = 400
MAP_POPULATE = 0x8000
SO_COOKIE = 57
"""socket(7); asm-generic/socket.h.  Python's socket has it not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sender stands: what its acts need to know."""

    locked: str = ROOTS
    """What it can open for reading, and lock: the directory of a root, or a file of ours."""
    hostname: str = "box"
    port: int = 20_111


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that a sender does, `make` adds its calls to a program and says how they are undone."""

    name: str
    resource: str
    """The class of kernel object: sockets, files, locks, memory, ipc, keys, names, processes, clocks, namespaces."""
    text: str
    """As C."""
    make: Callable[[Program, Place, int], list[Held]]
    """The number is that of the call in its sender: for names."""
    needs: str = ""
    """uts, ipc or mnt: what must not be the host's."""
    most: int = 16
    """How often one sender does it at most."""


def close(program: Program, value: int) -> object:
    """An Undo, of a descriptor."""
    return program.close(value)


def _nothing(program: Program, value: int) -> object:
    return None


def _socket(family: int, kind: int, protocol: int = 0) -> Callable[[Program, Place, int], list[Held]]:
    return lambda program, place, number: [(program.socket(family, kind | socket.SOCK_CLOEXEC, protocol), close)]


def sockaddr_un(number: int) -> bytes:
    """An abstract address: unix(7)."""
    return struct.pack("<H", socket.AF_UNIX) + b"\0" + f"{NAME}-{number % 4}".encode()


def sockaddr_in(port: int) -> bytes:
    """A port of 127.0.0.1: ip(7)."""
    return struct.pack("<H", socket.AF_INET) + struct.pack(">H4s8x", port, socket.inet_aton("127.0.0.1"))


def _bound_unix(program: Program, place: Place, number: int) -> list[Held]:
    fd = program.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    program.bind(fd, sockaddr_un(number))
    return [(fd, close)]


def _bound_tcp(program: Program, place: Place, number: int) -> list[Held]:
    fd = program.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    program.bind(fd, sockaddr_in(place.port + number % 2))
    program.listen(fd, 1)
    return [(fd, close)]


def _datagram_to_itself(program: Program, place: Place, number: int) -> list[Held]:
    """Where nothing was bound, the address is of no family, and nothing is sent to anybody."""
    fd = program.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    program.bind(fd, sockaddr_in(0))
    address, size = program.place(In(bytes(16))), program.place(In(struct.pack("<I", 16)))
    program.call("getsockname", fd, address, size)
    program.call("connect", fd, address, 16)
    for _ in range(8):
        program.sendto(fd, bytes(1024), socket.MSG_DONTWAIT)
    return [(fd, close)]


def _cookie(program: Program, place: Place, number: int) -> list[Held]:
    fd = program.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    program.getsockopt(fd, socket.SOL_SOCKET, SO_COOKIE, 8)
    return [(fd, close)]


def _opened(path: str) -> Callable[[Program, Place, int], list[Held]]:
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
    return lambda program, place, number: [(program.openat(AT_FDCWD, path, flags), close)]


def _pty(program: Program, place: Place, number: int) -> list[Held]:
    return [(program.openat(AT_FDCWD, "/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC), close)]


def _absent(program: Program, place: Place, number: int) -> list[Held]:
    steps = [program.faccessat(AT_FDCWD, f"/tmp/{NAME}-absent-{number}-{one}", os.F_OK) for one in range(8)]
    return [(program.getpid(), _nothing)] if steps else []


def _memfd(program: Program, place: Place, number: int) -> list[Held]:
    fd = program.memfd_create(NAME, 1)
    program.fallocate(fd, 0, 0, 65536)
    return [(fd, close)]


def _unnamed_file(program: Program, place: Place, number: int) -> list[Held]:
    fd = program.openat(AT_FDCWD, "/tmp", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    program.write(fd, bytes(4096))
    program.call("fdatasync", fd)
    return [(fd, close)]


def _named_file(directory: str) -> Callable[[Program, Place, int], list[Held]]:
    def make(program: Program, place: Place, number: int) -> list[Held]:
        path = f"{directory}/{NAME}-{number % 4}"
        fd = program.openat(AT_FDCWD, path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return [(fd, lambda program, value: (program.close(value), program.unlinkat(AT_FDCWD, path)))]

    return make


def flock(kind: int, start: int, length: int = 1) -> bytes:
    """struct flock: fcntl(2)."""
    return struct.pack("<hh4xqqi4x", kind, os.SEEK_SET, start, length, 0)


def _lock(path: str) -> Callable[[Program, Place, int], list[Held]]:
    def make(program: Program, place: Place, number: int) -> list[Held]:
        fd = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_CLOEXEC)
        program.fcntl(fd, F.OFD_SETLK, In(flock(F.RDLCK, number)))
        return [(fd, close)]

    return make


def _many_locks(program: Program, place: Place, number: int) -> list[Held]:
    fd = program.openat(AT_FDCWD, place.locked, os.O_RDONLY | os.O_CLOEXEC)
    for one in range(SHARED_LOCKS):
        program.fcntl(fd, F.OFD_SETLK, In(flock(F.RDLCK, 2 * one)))
    return [(fd, close)]


def _memory(program: Program, place: Place, number: int) -> list[Held]:
    size = 4 << 20
    step = program.mmap(0, size, 3, 0x22 | MAP_POPULATE)
    return [(step, lambda program, value: program.munmap(value, size))]


def _shm(program: Program, place: Place, number: int) -> list[Held]:
    """It is there while it is attached, and no longer."""
    made = program.shmget(IPC_PRIVATE, 65536, IPC_GET.CREAT | 0o600)
    at = program.shmat(made)
    program.shmctl(made, IPC.RMID)
    return [(at, lambda program, value: program.shmdt(value))]


def _msg(program: Program, place: Place, number: int) -> list[Held]:
    made = program.msgget(IPC_PRIVATE, IPC_GET.CREAT | 0o600)
    program.msgsnd(made, 1, bytes(64), IPC_GET.NOWAIT)
    return [(made, lambda program, value: program.msgctl(value, IPC.RMID))]


def _sem(program: Program, place: Place, number: int) -> list[Held]:
    made = program.semget(IPC_PRIVATE, 8, IPC_GET.CREAT | 0o600)
    return [(made, lambda program, value: program.semctl(value, 0, IPC.RMID))]


def _queue(program: Program, place: Place, number: int) -> list[Held]:
    name = f"{NAME}-{number % 4}"
    fd = program.mq_open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    return [(fd, lambda program, value: (program.close(value), program.mq_unlink(name)))]


def _key(program: Program, place: Place, number: int) -> list[Held]:
    made = program.add_key("user", f"{NAME}-{number}", bytes(32), PROCESS_KEYRING)
    return [(made, lambda program, value: program.keyctl(KEYCTL.UNLINK, value, PROCESS_KEYRING))]


def _hostname(program: Program, place: Place, number: int) -> list[Held]:
    step = program.sethostname(f"{NAME}-{number % 4}")
    return [(step, lambda program, value: program.sethostname(place.hostname))]


_slots = count(SLOT)


def _child(flags: int) -> Callable[[Program, Place, int], list[Held]]:
    def make(program: Program, place: Place, number: int) -> list[Held]:
        slot = SLOT + next(_slots) % 20_000

        def undo(program: Program, value: int) -> None:
            program.drop(slot)
            program.kill(value, signal.SIGKILL)
            program.wait4(value, W.ALL)

        return [(program.spawn(slot, flags), undo)]

    return make


def _timer(program: Program, place: Place, number: int) -> list[Held]:
    at = program.place(In(bytes(8)))
    program.call("timer_create", 1, None, at)
    return [(program.load(at, -4), lambda program, value: program.call("timer_delete", value))]


def _busy(program: Program, place: Place, number: int) -> list[Held]:
    first = program.getpid()
    program.loop(first, seconds=0.002)
    return [(first, _nothing)]


def _detached_mount(program: Program, place: Place, number: int) -> list[Held]:
    """fsopen(2): a file system that is mounted nowhere, and gone with its descriptor."""
    context = program.call("fsopen", "tmpfs", 1)
    program.call("fsconfig", context, 6, None, None, 0)  # FSCONFIG_CMD_CREATE
    mount = program.call("fsmount", context, 1, 0)
    return [(context, close), (mount, close)]


def _watch(program: Program, place: Place, number: int) -> list[Held]:
    fd = program.inotify_init1(os.O_CLOEXEC)
    program.inotify_add_watch(fd, "/", 0x100)  # IN_CREATE
    return [(fd, close)]


def _simple(call: Callable[[Program], Step]) -> Callable[[Program, Place, int], list[Held]]:
    return lambda program, place, number: [(call(program), close)]


def _pair(program: Program, place: Place, number: int) -> list[Held]:
    """Two descriptors, which the call wrote."""
    at: At = program.place(In(bytes(8)))
    program.call("socketpair", socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 0, at)
    return [(program.load(at, 4), close), (program.load(at, 4, 4), close)]


def _pipe(program: Program, place: Place, number: int) -> list[Held]:
    at: At = program.place(In(bytes(8)))
    program.call("pipe2", at, os.O_CLOEXEC)
    return [(program.load(at, 4), close), (program.load(at, 4, 4), close)]


NAMESPACE_FILES = ("time", "user", "uts", "ipc", "net", "mnt", "pid", "cgroup")


def _all() -> Iterator[Act]:
    inet, inet6, unix = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX
    stream, dgram, raw = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW
    yield Act("tcp", "sockets", "socket(AF_INET, SOCK_STREAM, 0)", _socket(inet, stream))
    yield Act("udp", "sockets", "socket(AF_INET, SOCK_DGRAM, 0)", _socket(inet, dgram))
    yield Act("tcp6", "sockets", "socket(AF_INET6, SOCK_STREAM, 0)", _socket(inet6, stream))
    yield Act("udp6", "sockets", "socket(AF_INET6, SOCK_DGRAM, 0)", _socket(inet6, dgram))
    yield Act("raw", "sockets", "socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)", _socket(inet, raw, 1))
    yield Act("unix", "sockets", "socket(AF_UNIX, SOCK_STREAM, 0)", _socket(unix, stream))
    yield Act("netlink", "sockets", "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)", _socket(16, raw))
    yield Act("packet", "sockets", "socket(AF_PACKET, SOCK_DGRAM, 0)", _socket(17, dgram))
    yield Act("socketpair", "sockets", "socketpair(AF_UNIX, SOCK_STREAM, 0, fds)", _pair)
    yield Act("bound-unix", "names", f'bind(socket(AF_UNIX, SOCK_STREAM, 0), "@{NAME}-N")', _bound_unix, most=4)
    yield Act("bound-tcp", "names", "listen(bind(socket(AF_INET, SOCK_STREAM, 0), 127.0.0.1:PORT))", _bound_tcp, most=2)
    yield Act("datagram", "memory", "send 8 KiB to its own UDP socket, unread", _datagram_to_itself)
    yield Act("cookie", "ids", "getsockopt(socket(AF_INET, SOCK_DGRAM, 0), SO_COOKIE)", _cookie)
    yield Act("open", "files", 'open("/proc/self/stat", O_RDONLY)', _opened("/proc/self/stat"))
    yield Act("pty", "files", 'open("/dev/ptmx", O_RDWR)', _pty)
    yield Act("absent", "files", f'access("/tmp/{NAME}-absent-N", F_OK), 8 names', _absent)
    yield Act("unnamed-file", "files", 'write(open("/tmp", O_TMPFILE), 4 KiB); fdatasync', _unnamed_file, most=2)
    for place in NAMED_IN:
        text = f'open("{place}/{NAME}-N", O_CREAT)'
        yield Act(f"named-file-{place[1:]}", "names", text, _named_file(place), needs="mnt", most=4)
    yield Act("pipe", "files", "pipe2(fds, O_CLOEXEC)", _pipe)
    yield Act("epoll", "files", "epoll_create1(0)", _simple(lambda p: p.epoll_create1(os.O_CLOEXEC)))
    yield Act("eventfd", "files", "eventfd(0, 0)", _simple(lambda p: p.eventfd2(0, os.O_CLOEXEC)))
    yield Act("inotify", "quotas", 'inotify_add_watch(inotify_init(), "/", IN_CREATE)', _watch)
    yield Act("memfd", "memory", "fallocate(memfd_create(), 64 KiB)", _memfd)
    yield Act("mmap", "memory", "mmap(NULL, 4 MiB, MAP_ANONYMOUS | MAP_POPULATE)", _memory, most=2)
    yield Act("shm", "ipc", "shmat(shmget(IPC_PRIVATE, 64 KiB)), removed when detached", _shm)
    yield Act("msg", "ipc", "msgsnd(msgget(IPC_PRIVATE), 64 bytes)", _msg, needs="ipc")
    yield Act("sem", "ipc", "semget(IPC_PRIVATE, 8)", _sem, needs="ipc")
    yield Act("queue", "ipc", f'mq_open("/{NAME}-N", O_CREAT)', _queue, needs="ipc", most=4)
    yield Act("key", "keys", 'add_key("user", 32 bytes, KEY_SPEC_PROCESS_KEYRING)', _key)
    yield Act("hostname", "names", f'sethostname("{NAME}-N")', _hostname, needs="uts", most=1)
    yield Act("fork", "processes", "fork()", _child(0))
    yield Act("new-uts", "namespaces", "clone(CLONE_NEWUTS)", _child(CLONE.NEWUTS), most=4)
    yield Act("new-ipc", "namespaces", "clone(CLONE_NEWIPC)", _child(CLONE.NEWIPC), most=4)
    yield Act("detached-mount", "namespaces", 'fsmount(fsopen("tmpfs"))', _detached_mount)
    yield Act("timerfd", "clocks", "timerfd_create(CLOCK_MONOTONIC)", _simple(lambda p: p.timerfd_create(1, 0o2000000)))
    yield Act("timer", "clocks", "timer_create(CLOCK_MONOTONIC)", _timer)
    yield Act("busy", "clocks", "getpid() for 2 ms", _busy, most=4)
    for name in NAMESPACE_FILES:
        path = f"/proc/self/ns/{name}"
        yield Act(f"lock-{name}", "locks", f'fcntl(open("{path}"), F_OFD_SETLK, F_RDLCK)', _lock(path), most=4)
    yield Act(
        "locks", "locks", f'fcntl(open("/home"), F_OFD_SETLK, F_RDLCK), {SHARED_LOCKS} ranges', _many_locks, most=1
    )


ACTS: Mapping[str, Act] = {act.name: act for act in _all()}
RESOURCES = tuple(dict.fromkeys(act.resource for act in ACTS.values()))
