"""A directory and a mount namespace for engines: what they mount is seen nowhere else, and ends with the room.

A run that is killed leaves processes that end with it (PR_SET_PDEATHSIG), whose namespace takes the mounts along, and a
directory that is registered with its Lifetime.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from pytest_isolation.boxes.lifetime import Lifetime, started
from pytest_isolation.errors import BoxError, IsolationError, Unavailable
from pytest_isolation.technologies import program

TIMEOUT_S = 300


class Refused(IsolationError):
    """A program did not take what it was given: what it said, on one line."""


class Room:
    """A private directory, and programs that run in a mount namespace of their own."""

    directory = Path("/mnt")
    """Where the programs have it: a name that is short enough for Podman's `--runroot`, which takes 50 letters."""

    def __init__(self, lifetime: Lifetime, holder: int) -> None:
        self._lifetime = lifetime
        self._holder = holder
        self._enter = ("nsenter", f"--mount=/proc/{holder}/ns/mnt")

    def path(self, name: str) -> Path:
        """A file of the directory, as this process reaches it."""
        return Path(os.fsdecode(self.seen(self.directory / name)))

    def run(self, argv: Sequence[str]) -> str:
        """What the program wrote.  Raises BoxError with what it said when it fails."""
        try:
            return self.offer(argv)
        except Refused as error:
            raise BoxError(f"{argv[0]} failed: {error}") from None

    def offer(self, argv: Sequence[str]) -> str:
        """The same of a program that is given an image.  Raises Refused when it fails, BoxError when it hangs."""
        try:
            done = program.ended(
                [*program.WITH_US, *self._enter, *argv],
                timeout=TIMEOUT_S,
                env={**os.environ, **self._environment(), "LC_ALL": "C.UTF-8"},
            )
        except subprocess.TimeoutExpired:
            raise BoxError(f"{argv[0]} did not end within {TIMEOUT_S} seconds") from None
        if done.returncode:
            raise Refused(" ".join(done.stderr.split())[-8000:] or f"exit status {done.returncode}")
        return str(done.stdout)

    def running(self, argv: Sequence[str], log: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """A program that runs for as long as the block: program.serving()."""
        return program.serving([*self._enter, *argv], log, self._lifetime)

    def seen(self, path: Path | str) -> bytes:
        """A path in the room's mount namespace, as this process reaches it."""
        return os.fsencode(f"/proc/{self._holder}/root{path}")

    def _environment(self) -> Mapping[str, str]:
        return {"TMPDIR": str(self.directory)}


@contextmanager
def room() -> Iterator[Room]:
    """Raises Unavailable for who may not make a mount namespace and files of any owner."""
    if os.geteuid() != 0:
        raise Unavailable("only root unpacks files of any owner, and reads them", "run as root")
    for name in ("unshare", "nsenter", "setpriv"):
        program.find(name, "util-linux")
    lifetime = Lifetime()
    try:
        directory = lifetime.new_directory("layers")
        hold = f'mount --bind "$1" {Room.directory} && echo made && exec sleep infinity'
        shell = ["sh", "-c", hold, "sh", os.fspath(directory)]
        holder = subprocess.Popen(
            [*program.WITH_US, "unshare", "--mount", "--propagation", "private", *shell],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        lifetime.register("process", f"{holder.pid}:{started(holder.pid)}")
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != b"made\n":
                raise Unavailable("unshare --mount does not work here", "run as root, with CAP_SYS_ADMIN")
            yield Room(lifetime, holder.pid)
        finally:
            holder.kill()
            with suppress(subprocess.TimeoutExpired):
                holder.communicate(timeout=10)
        lifetime.remove_directory(directory)
    finally:
        lifetime.close()
