"""One box in the making, whatever its technology: its file tree, and the directories of the host that it is given.

A technology's own start is a subclass, and says in its own words how they are mounted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.unpack import unpack
from pytest_isolation.technologies import launcher, mounts
from pytest_isolation.technologies.handed import Handed, handed

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec, StartedBox, Volume

__all__ = ["Building", "GivenVolume"]


@dataclass(frozen=True, slots=True)
class GivenVolume:
    """A volume of the box, with the directory of the host that was made for it."""

    volume: Volume
    directory: Path
    writable: bool

    @property
    def target(self) -> str:
        """Where the box has it."""
        return self.volume.target

    @property
    def mode(self) -> str:
        """As engines write it: rw or ro."""
        return "rw" if self.writable else "ro"


class Building:
    """One box in the making.  `undo` takes away what it made, at the box's end or when the start fails."""

    def __init__(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.spec, self.lifetime, self.undo = spec, lifetime, undo
        self.volumes: dict[str, Path] = {}
        """Target in the box -> directory of the host, for BoxHandle."""
        self.agent_path = "/agent"
        self.shared_root: Path | None = None

    @property
    def sibling(self) -> StartedBox | None:
        """The box that this one is started beside; None where it is started for itself."""
        return self.spec.started_beside

    def directory(self, prefix: str) -> Path:
        """A new directory of the host that any user of the box may write to."""
        made = self.lifetime.new_directory(prefix)
        made.chmod(0o777)
        self.undo.callback(self.lifetime.remove_directory, made)
        return made

    def root_tree(self, proc: Proc, *, own: bool) -> Path:
        """The directory of the host that becomes the box's root; not `own`: its sibling's, where it has one.

        `proc`: the process of the host that unpacks it.  Raises UsageError where the user's image is no directory.
        """
        if not own and self.sibling is not None and self.sibling.parts.root is not None:
            return self.sibling.parts.root
        root, self.agent_path = launcher.new_root(self.spec, self.lifetime, proc, self.undo)
        return root

    def given_volumes(self, *, keeps_read_only: bool) -> Iterator[GivenVolume]:
        """The volumes of the spec, each with a directory made for it, or the one that it names.

        `keeps_read_only`: whether a volume that is asked for read-only is given so; a hole is that it is not.  Raises
        Unsupported where this user may not make the tree that lies in one.
        """
        for volume in self.spec.volumes:
            directory = self._made_for_volume() if volume.source is None else Path(volume.source)
            if volume.nested and volume.source is None:
                self.nest(directory)
            if volume.tree is not None and volume.source is None:
                with start_local() as local:
                    unpack(volume.tree.handed_on("volume", self.spec.weakenings), local.proc, os.fsencode(directory))
            self.volumes[volume.target] = directory
            yield GivenVolume(volume, directory, not (volume.read_only and keeps_read_only))

    def _made_for_volume(self) -> Path:
        """In a directory that everybody may search: then no mode bit stands in for the wall between the two."""
        above = self.directory("volume")
        above.chmod(0o755)
        made = above / "handed"
        made.mkdir()
        made.chmod(0o777)
        return made

    def nest(self, directory: Path) -> None:
        """A file system of its own at `directory`/nested.  Raises Unsupported without root."""
        mounts.nested(directory, self.lifetime, self.undo)

    def handed_in(self) -> list[Handed]:
        """What the holes of the kinds expose and hand-in give the box of its host."""
        return handed(self.spec, self.lifetime, self.undo, self.directory)

    def propagating(self) -> Path:
        """For the hole drop("propagation"): a mount of the host whose events the box sees at /mnt."""
        return mounts.shared(self.directory("shared"), self.lifetime, self.undo)

    def shared_directories(self) -> dict[str, Path]:
        """For the hole drop("private-root") under an engine: path in the box -> the host's, the same as its sibling's.

        The engine makes the root itself, so those directories stand for it.
        """
        known = self.sibling.parts.shared_root if self.sibling is not None else None
        if known is None:
            known = self.directory("root")
            for name in mounts.SHARED:
                (known / name).mkdir()
                (known / name).chmod(0o1777)
        self.shared_root = known
        return {f"/{name}": known / name for name in mounts.SHARED}

    def agent_file(self, machine: str | None = None) -> Path:
        """A copy of the agent for an image that is not ours, to be mounted.  `machine`: its architecture, else ours."""
        binary = self.directory("agent") / "agent"
        binary.write_bytes(agent_binary(machine).read_bytes())
        binary.chmod(0o755)
        return binary
