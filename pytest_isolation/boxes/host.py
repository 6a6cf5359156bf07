"""The host of a box: this machine, or the machine of a daemon whose kernel is another one.

What is outside of a box is outside of it *there*.  On another machine everything is done by the system calls of an
agent that has that machine's namespaces: its processes are the witnesses, its files are paths with a Path's methods.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PosixPath, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT, AT_FDCWD, DT
from pytest_isolation.agent.shortcuts import entries, set_name
from pytest_isolation.boxes.local import start_local
from pytest_isolation.errors import NOT_ROOT, BoxError, Unsupported, unless_root

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply

PIECE, SMALL = 256 << 10, 16 << 10


class HostProcess(Protocol):
    """A process of the machine a box runs on, whose system calls we make."""

    @property
    def pid(self) -> int:
        """Its number on that machine."""

    @property
    def proc(self) -> Proc:
        """To make its system calls with."""

    def close(self) -> None:
        """End it."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class Register(Protocol):
    """Where is written down what is about to be made: lifetime.py."""

    def register(self, kind: str, handle: str) -> None:
        """Before it exists."""


class Host(Protocol):
    """A machine that boxes run on."""

    def start(self, name: str = "outside") -> HostProcess:
        """A process outside; `name` (at most 15 characters) shows in its /proc/PID/comm or cmdline."""

    def path(self, *parts: str | os.PathLike[str]) -> Path:
        """A path there, as seen by a process outside."""

    def register_directory(self, lifetime: Register, path: Path) -> None:
        """Write down a directory that is about to be made there, for one level of files."""

    def register_ipc(self, lifetime: Register, handle: str) -> None:
        """Write down an IPC object that is about to be made there: objects.py.  Raises Unsupported where we cannot."""

    def __hash__(self) -> int: ...


def send_signal(proc: Proc, pid: int, sig: int) -> None:
    """kill(2) by `proc`, a process of a host, for the first process of a box there.

    Raises Unsupported where that is not this user's to signal, and BoxError when it is refused otherwise.
    """
    reply = proc.kill(pid, sig)
    if reply.errno == errno.EPERM and (cause := unless_root(NOT_ROOT)) is not None:
        raise Unsupported("the box's first process is not this user's to signal", cause=cause)
    if not reply.ok:
        raise BoxError(f"a signal to the box's first process: {reply}")


class LocalHost:
    """This machine.  Its methods are those of Host."""

    def start(self, name: str = "outside") -> HostProcess:
        """As Host.start()."""
        return start_local(arguments=[name])

    def path(self, *parts: str | os.PathLike[str]) -> Path:
        """As Host.path()."""
        return Path(*parts)

    def register_directory(self, lifetime: Register, path: Path) -> None:
        """As Host.register_directory()."""
        lifetime.register("directory", os.fspath(path))

    def register_ipc(self, lifetime: Register, handle: str) -> None:
        """As Host.register_ipc()."""
        lifetime.register("ipc", handle)


LOCAL_HOST = LocalHost()


class RemoteHost:
    """The machine of `proc`, a process there that is in the machine's own namespaces.

    `home`: a descriptor, in `proc` and its children, of the mount namespace that `proc` started in, where the agent's
    file is `agent`; without it the agent cannot be injected into a container there.  `reached_by`: the kind of a
    register and what follows a path in its handle, for which a technology's clean() comes back to this machine; None
    where it dies with the run.
    """

    def __init__(
        self, proc: Proc, *, home: int = -1, agent: str = "/agent", reached_by: tuple[str, str] | None = None
    ) -> None:
        self.proc, self.home, self.agent, self._reached_by = proc, home, agent, reached_by
        self._path: type[RemotePath] = type("RemotePath", (RemotePath,), {"proc": proc, "__slots__": ()})

    def start(self, name: str = "outside") -> HostProcess:
        """A child of `proc`, as Host.start()."""
        return _Child(self.proc, name)

    def path(self, *parts: str | os.PathLike[str]) -> Path:
        """A RemotePath."""
        return self._path(*parts)

    def register_directory(self, lifetime: Register, path: Path) -> None:
        """As Host.register_directory(); nothing where it dies with the run."""
        if self._reached_by is not None:
            kind, where = self._reached_by
            lifetime.register(kind, f"{path} {where}".strip())

    def register_ipc(self, lifetime: Register, handle: str) -> None:
        """As Host.register_ipc().  Raises Unsupported where it would outlive a killed run."""
        if self._reached_by is not None:
            raise Unsupported("an IPC object on another machine would outlive a killed run: no later run removes it")


class _Child:
    def __init__(self, parent: Proc, name: str) -> None:
        self._proc = parent.spawn()
        set_name(self._proc, name)

    @property
    def pid(self) -> int:
        return self._proc.pid

    @property
    def proc(self) -> Proc:
        return self._proc

    def close(self) -> None:
        self._proc.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def remove_directory(path: Path) -> bool:
    """Remove a directory that has files and sockets in it, and no directory; returns whether it was there."""
    if not path.exists():
        return False
    for one in list(path.iterdir()):
        one.unlink(missing_ok=True)
    path.rmdir()
    return True


def _done(reply: Reply, path: RemotePath) -> Reply:
    """As Python's own: the errno becomes the OSError of its kind."""
    if not reply.ok:
        raise OSError(reply.errno, os.strerror(reply.errno), str(path))
    return reply


class RemotePath(PosixPath):
    """A path of another machine.  What a Path does to files, the agent does; what is not done here, is refused."""

    proc: ClassVar[Proc]

    def read_bytes(self) -> bytes:
        """In one round trip when the file is small: they are what takes the time."""
        program = Program()
        fd = program.openat(AT_FDCWD, str(self), os.O_RDONLY | os.O_CLOEXEC)
        pieces = [program.read(fd, SMALL), program.read(fd, SMALL)]
        replies = self.proc.run(program)
        opened = _done(replies[fd], self).value
        found = [_done(replies[piece], self).data for piece in pieces]
        try:
            while found[-1]:
                found.append(_done(self.proc.read(opened, PIECE), self).data)
        finally:
            self.proc.close(opened)
        return b"".join(found)

    def read_text(self, encoding: str | None = None, errors: str | None = None, *_: Any, **__: Any) -> str:
        """As Path.read_text(): its newlines are not translated."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def write_bytes(self, data: Any) -> int:
        """As Path.write_bytes()."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        program = Program()
        fd = program.openat(AT_FDCWD, str(self), flags, 0o666)
        first = program.write(fd, bytes(data[:PIECE]))
        replies = self.proc.run(program)
        opened = _done(replies[fd], self).value
        try:
            _done(replies[first], self)
            for at in range(PIECE, len(data), PIECE):
                _done(self.proc.write(opened, bytes(data[at : at + PIECE])), self)
        finally:
            self.proc.close(opened)
        return len(data)

    def write_text(self, data: str, encoding: str | None = None, *_: Any, **__: Any) -> int:
        """As Path.write_text(): its newlines are not translated."""
        return self.write_bytes(data.encode(encoding or "utf-8"))

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """statx(2): type and mode, number, device, links, owner, group, size; times in whole seconds."""
        flags = 0 if follow_symlinks else AT.SYMLINK_NOFOLLOW
        raw = _done(self.proc.statx(AT_FDCWD, str(self), flags), self).data

        def number(at: int, size: int) -> int:
            return int.from_bytes(raw[at : at + size], "little")

        device = os.makedev(number(136, 4), number(140, 4))
        times = (number(64, 8), number(112, 8), number(96, 8))
        owner = (number(16, 4), number(20, 4), number(24, 4))
        return os.stat_result((number(28, 2), number(32, 8), device, *owner, number(40, 8), *times))

    def exists(self, *_: Any, **__: Any) -> bool:
        """As Path.exists(); False for any error."""
        try:
            self.stat()
        except OSError:
            return False
        return True

    def is_dir(self, *_: Any, **__: Any) -> bool:
        """As Path.is_dir(); False for any error."""
        try:
            return stat.S_ISDIR(self.stat().st_mode)
        except OSError:
            return False

    def readlink(self) -> Self:
        """As Path.readlink()."""
        data = _done(self.proc.readlinkat(AT_FDCWD, str(self)), self).data
        return self.__class__(os.fsdecode(data.rstrip(b"\0")))

    def iterdir(self) -> Iterator[Self]:  # type: ignore[override]
        """As Path.iterdir(), in the kernel's order."""
        for name, _ in entries(self.proc, str(self)):
            yield self / name

    def tree(self) -> list[Self]:
        """This directory and every one below it, parents first."""
        found = [self]
        for one in found:
            found += [one / name for name, kind in entries(self.proc, str(one)) if kind == DT.DIR]
        return found

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """As Path.mkdir(), without `parents`."""
        if parents:
            raise NotImplementedError("a directory of another machine is made one at a time")
        try:
            _done(self.proc.mkdirat(AT_FDCWD, str(self), mode), self)
        except FileExistsError:
            if not exist_ok:
                raise

    def rmdir(self) -> None:
        """As Path.rmdir()."""
        _done(self.proc.unlinkat(AT_FDCWD, str(self), AT.REMOVEDIR), self)

    def unlink(self, missing_ok: bool = False) -> None:
        """As Path.unlink()."""
        try:
            _done(self.proc.unlinkat(AT_FDCWD, str(self)), self)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def chmod(self, mode: int, *, follow_symlinks: bool = True) -> None:
        """As Path.chmod(); a link is always followed."""
        _done(self.proc.fchmodat(AT_FDCWD, str(self), mode), self)


def _refused(name: str) -> Any:
    def refuse(self: RemotePath, *_: object, **__: object) -> None:
        raise NotImplementedError(f"{name}() of a path of another machine ({self})")

    return refuse


# Nothing that was not thought of may be done to this machine instead.
for _name in set(dir(PosixPath)) - set(dir(PurePosixPath)) - set(vars(RemotePath)):
    if not _name.startswith("__"):
        setattr(RemotePath, _name, _refused(_name))
