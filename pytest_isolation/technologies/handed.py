"""What a weakened box is handed of its host, and where it has it: a place drawn for the start, not one that is known.

A check that looks for the host under names it knows by heart finds it on no box of a user's.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.boxes.weakenings import Weakening, expose, hand_in
from pytest_isolation.technologies.opens import Opener, by

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

HAND_INS = (hand_in("file"), hand_in("socket"), hand_in("directory"))
IN_ITS_OWN_PLACE = ("/tmp", "/dev")
"""Checks of these are about that name."""
NAMES = ("backup", "depot", "files", "mounted", "node", "pool", "rootfs", "share", "store", "vol")
BACKLOG = 4096
"""Nobody accepts: as many may come."""


@dataclass(frozen=True, slots=True)
class Handed:
    """Something of the host that a box is given by a mount."""

    host: str
    """The host's path: a directory, a file or a socket."""
    target: str
    """Where the box has it."""

    @property
    def is_directory(self) -> bool:
        """Now, on the host."""
        return os.path.isdir(self.host)


def handed_in(paths: Iterable[str]) -> dict[Weakening, Opener]:
    """The lines of a technology's table for these directories, a file and a socket: its start asks `handed`."""
    opened = {expose(path): by(handed) for path in paths} | {hole: by(handed) for hole in HAND_INS}
    return opened | {hand_in("file"): by(handed).where(lambda: os.access("/etc", os.W_OK))}


def handed(spec: BoxSpec, lifetime: Lifetime, undo: ExitStack, directory: Callable[[str], Path]) -> list[Handed]:
    """One for each hole of the kinds expose and hand-in; `undo` takes away what was made for it.

    `directory`: makes a directory of the run's that the box's engine can reach.
    """
    found = []
    for hole in sorted(spec.weakenings):
        if hole.kind == "expose":
            found.append(Handed(hole.what, place(spec, lifetime, hole)))
        elif hole == hand_in("file"):
            found.append(Handed(_file(lifetime, undo), place(spec, lifetime, hole)))
        elif hole == hand_in("socket"):
            found.append(Handed(_socket(directory("handed"), undo), place(spec, lifetime, hole)))
        elif hole == hand_in("directory"):
            found.append(Handed(_data(lifetime, undo), place(spec, lifetime, hole)))
    return found


def place(spec: BoxSpec, lifetime: Lifetime, hole: Weakening) -> str:
    """Where the box has it: the same for the same spec in the same run, so that what was found can be found again."""
    if hole.what in IN_ITS_OWN_PLACE:
        return hole.what
    draw = random.Random(f"{lifetime.run_id} {spec.id} {spec.instance} {hole}")
    names = [f"{draw.choice(NAMES)}-{draw.randrange(4096):03x}" for _ in range(draw.randint(1, 2))]
    return "/" + "/".join(names)


def _data(lifetime: Lifetime, undo: ExitStack) -> str:
    """A directory of ours, where the system keeps nothing, that everybody may write to."""
    made = Path(f"/var/tmp/pytest-isolation-{secrets.token_hex(6)}")
    lifetime.register("directory", os.fspath(made))
    undo.callback(lifetime.remove_directory, made)
    made.mkdir()
    made.chmod(0o777)
    return os.fspath(made)


def _file(lifetime: Lifetime, undo: ExitStack) -> str:
    """A file of ours that is called as one of the system's is, where those are: outside/shared/places.py."""
    made = Path(f"/etc/pytest-isolation-{secrets.token_hex(6)}")
    lifetime.register("directory", os.fspath(made))
    undo.callback(lifetime.remove_directory, made)
    made.mkdir(0o755)
    (made / "shadow").write_bytes(secrets.token_bytes(16))
    (made / "shadow").chmod(0o644)
    return os.fspath(made / "shadow")


def _socket(directory: Path, undo: ExitStack) -> str:
    """A listener of ours that is called as a ruling daemon's is."""
    path = directory / "docker.sock"
    listening = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
    # By a name that always fits: the path of a directory of the run's may be too long.
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        listening.bind(f"/proc/self/fd/{fd}/{path.name}")
    finally:
        os.close(fd)
    listening.listen(BACKLOG)
    path.chmod(0o777)
    return os.fspath(path)
