"""Our own marks in the host's places: a file to read, a file to write to, and a socket that listens, in each.

They are planted once a box and go with it.  Each is written down before it is made, so a killed run leaves none.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.boxes.host import LOCAL_HOST, remove_directory
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.keeping import kept
from pytest_isolation.outside.network.listeners import Socket, reached, sockaddr_un

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

PLANTED = (
    "/etc", "/root", "/home", "/opt", "/srv", "/var", "/var/lib", "/run", "/usr", "/usr/local", "/boot", "/tmp",
    "/var/tmp",
)  # fmt: skip
"""Places of places.py that hold one, as far as this user may put a directory there; and this user's home."""
BEFORE = b"before"


@dataclass(frozen=True, slots=True)
class Mark:
    """A directory of ours in `place`; its names on the host."""

    place: str
    directory: Path
    secret: bytes
    """In the file `secret`, which everybody may read."""

    @property
    def readable(self) -> str:
        """A file that everybody may read, with `secret` in it."""
        return str(self.directory / "secret")

    @property
    def writable(self) -> str:
        """A file that everybody may write to; BEFORE is in it."""
        return str(self.directory / "open")

    @property
    def socket(self) -> str:
        """The path of the socket that listen() makes."""
        return str(self.directory / "s")


class Marks(Sequence[Mark]):
    """The marks that could be planted on the host of one box, in order of their places."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._undo = ExitStack()
        self._listening: dict[str, Socket] = {}
        with ExitStack() as half:
            half.callback(self.close)
            self._made = [mark for place in places(box) if (mark := self._plant(place)) is not None]
            half.pop_all()

    def __getitem__(self, number):  # type: ignore[no-untyped-def]
        return self._made[number]

    def __len__(self) -> int:
        return len(self._made)

    def _plant(self, place: str) -> Mark | None:
        """None where this user, or the file system, has no room for it."""
        host, lifetime = self._box.parts.host, self._box.lifetime
        directory = host.path(place, f"pytest-isolation-mark-{secrets.token_hex(6)}")
        if lifetime is not None:
            host.register_directory(lifetime, directory)
        try:
            directory.mkdir(0o700)
        except OSError:
            return None
        mark = Mark(place, directory, secrets.token_bytes(16))
        self._undo.callback(_remove, directory)
        try:
            directory.chmod(0o755)
            for path, data, mode in ((mark.readable, mark.secret, 0o644), (mark.writable, BEFORE, 0o666)):
                host.path(path).write_bytes(data)
                host.path(path).chmod(mode)
        except OSError:
            return None
        return mark

    @property
    def places(self) -> set[str]:
        """The directories that hold one."""
        return {mark.place for mark in self._made}

    def listen(self) -> None:
        """Have every mark's socket listen, from now on; those that this user cannot have are left out."""
        if self._listening and next(iter(self._listening.values())).proc.alive:
            self.knocked_at()  # what another guarantee's calls have left there
            return
        for mark in self._made:
            path = self._box.parts.host.path(mark.socket)
            path.unlink(missing_ok=True)
            made = _listener(self._box, mark.socket)
            if made is not None:
                path.chmod(0o777)
                self._listening[mark.socket] = made

    def knocked_at(self) -> str | None:
        """The first socket at which somebody has arrived since the last look; all of them have been looked at."""
        return next(iter([path for path, by in self._listening.items() if _emptied(by)]), None)

    @property
    def sockets(self) -> list[str]:
        """The paths of those that listen."""
        return list(self._listening)

    def changed(self) -> str | None:
        """The first of the host's files that is not as it was; all are put back."""
        found = []
        for mark in self._made:
            path = self._box.parts.host.path(mark.writable)
            if path.read_bytes() != BEFORE:
                path.write_bytes(BEFORE)
                found.append(mark.writable)
        return next(iter(found), None)

    def close(self) -> None:
        """Remove all marks, and what listens there."""
        self._undo.close()


def marks(box: Box) -> Marks:
    """The marks of the host that `box` stands on; planted when first asked for.

    Raises BoxError where there is none: then nothing could be found either.
    """
    planted = kept(box, "marks", lambda: Marks(box))
    if not planted:
        raise BoxError("this user cannot put a file of ours in any place of the host, not even in its /tmp")
    return planted


def places(box: Box) -> list[str]:
    """Where marks are tried, links followed, each directory once."""
    found: dict[tuple[int, int], str] = {}
    home = [str(Path.home())] if box.parts.host is LOCAL_HOST else []
    for place in (*PLANTED, *home):
        with suppress(OSError):
            told = box.outside.path(place).stat()
            found.setdefault((told.st_dev, told.st_ino), place)
    return list(found.values())


def _listener(box: Box, path: str) -> Socket | None:
    program = Program(stop_on_error=True)
    fd = program.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    address = sockaddr_un(path.encode() + b"\0")
    program.bind(fd, address)
    listening = program.listen(fd)
    proc = box.outside.proc
    replies = proc.run(program)
    if not replies.ran(listening) or not replies[listening].ok:
        if replies[fd].ok:
            proc.close(replies[fd].value)
        return None
    return Socket(proc, replies[fd].value, address)


def _emptied(by: Socket) -> bool:
    """Whether somebody has arrived there; nobody waits any more."""
    arrived = False
    while reached(by):
        arrived = True
    return arrived


def _remove(directory: Path) -> None:
    with suppress(OSError):  # somebody has removed it already
        remove_directory(directory)
