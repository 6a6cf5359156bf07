"""Each mount and each open file of a box, with the host's path behind it and what kind of thing that is."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_isolation.boxes.lifetime import state_directory
from pytest_isolation.boxes.mount_table import Mount, parse
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.boxes.programs import read_file
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.emulator import HAS_ENDED
from pytest_isolation.outside.keeping import kept
from pytest_isolation.outside.shared import places
from pytest_isolation.outside.shared.table import OF_THE_KERNEL, below, layers, names_of

if TYPE_CHECKING:
    from pytest_isolation.boxes.box import RunningBox

Kind = Literal["system", "socket", "volume", "device", "own", "kernel", "unknown"]
CGROUPS = ("cgroup", "cgroup2")


@dataclass(frozen=True, slots=True)
class Shared:
    """A thing that a box was given."""

    kind: Kind
    """system: a place of the host's system, places.py.  socket: a socket of the host's.  volume: another directory, or
    file, of the host's.  device: a node.  own: what an engine, or we, made for this box.  kernel: a file system without
    files of a disk.  unknown: files from somewhere, and nothing says that it is not the host."""
    target: str
    """Where the box has it: a path, or `fd N`."""
    host: str | None
    """The host's path of it; None where there is none, or it is not known."""
    read_only: bool
    fstype: str = ""
    why: str = ""
    """Of a place of the system, and of a ruling daemon's socket."""
    fd: int | None = None
    """The number in the box's first process, of an open file."""
    directory: bool = False

    @property
    def is_the_hosts(self) -> bool:
        """Whether somebody who has it has a piece of the host's system."""
        return self.kind == "system" or (self.kind == "socket" and bool(self.why))


def shared(box: RunningBox) -> list[Shared]:
    """All that `box` has of a file system, in the order of its mount table.  Never raises.

    Looked for once a box: its mounts are those it was started with.
    """
    return kept(box, "shared", lambda: _Look(box).all())


def of_its_machine(box: RunningBox) -> list[Shared]:
    """What the process that is the box's machine has open of its host's files: its disks, and what it shares.

    Looked for anew each time.  Nothing for a box that is no machine.  Raises BoxError where nobody may list it.
    """
    if box.parts.size is None:
        return []
    process = f"/proc/{box.parts.kernel_pid}"
    try:
        some = next(box.parts.host.path(f"{process}/fd").iterdir(), None)
    except OSError as error:
        raise BoxError(f"{process}/fd, of the box's machine: {error.strerror}") from None
    if some is None:
        raise BoxError(HAS_ENDED.format(pid=box.parts.kernel_pid))
    found = _Look(box).opened(process, set())
    # A file without a name is QEMU's own: nobody else finds it, and it goes with the machine.
    named = [one for one in found if not str(one.host).endswith(" (deleted)")]
    # A directory is open for reading in any case: whether the process passes a guest's writes on, nobody outside sees.
    return [
        replace(one, target=f"{one.target} of its machine", fd=None, read_only=one.read_only and not one.directory)
        for one in named
    ]


class _Look:
    def __init__(self, box: RunningBox) -> None:
        self.box, self.parts = box, box.parts
        self.host = box.parts.host
        self.proc = f"/proc/{self.parts.init_pid}" if self.parts.init_pid and self.parts.shares_kernel else None
        self.seen_by_host = False
        self.hosts = self._hosts_table()

    def all(self) -> list[Shared]:
        mounts = self._boxs_table()
        found = [] if any(mount.point == "/" for mount in mounts) else list(self._root())
        found += [self._mounted(mount) for mount in mounts]
        found += [one for mount in mounts for one in self._laid_over(mount)]
        found += self._descriptors({mount.number for mount in mounts})
        return found + self._said(found)

    # -- the tables --------------------------------------------------------------------

    def _hosts_table(self) -> list[Mount]:
        try:
            return parse(self.host.path("/proc/self/mountinfo").read_text(errors="replace", encoding="utf-8"))
        except OSError:
            return []

    def _boxs_table(self) -> list[Mount]:
        """As the host tells it, which a box cannot bend; else as the box's own kernel tells it."""
        if self.proc is not None:
            try:
                text = self.host.path(f"{self.proc}/mountinfo").read_text(errors="replace", encoding="utf-8")
            except OSError:
                pass
            else:
                self.seen_by_host = True
                return parse(text)
        try:
            return parse(read_file(self.box.proc, "/proc/self/mountinfo").decode(errors="replace"))
        except BoxError:
            return []

    # -- what a thing is ---------------------------------------------------------------

    def _root(self) -> Iterator[Shared]:
        """A root that is no mount: chroot(2)."""
        path = str(self.parts.root) if self.parts.root is not None else None
        if path is None and self.proc is not None:
            try:
                path = str(self.host.path(f"{self.proc}/root").readlink())
            except OSError:
                return
        if path is not None and not path.startswith("/proc/"):
            yield self._directory(Shared("own", "/", path, self.box.spec.read_only, directory=True))

    def _mounted(self, mount: Mount) -> Shared:
        one = Shared("kernel", mount.point, None, mount.read_only, mount.fstype)
        if not self.parts.shares_kernel:
            return one if mount.fstype in OF_THE_KERNEL else replace(one, kind="unknown")
        if mount.fstype in CGROUPS:
            return self._control_group(mount, one)
        names = names_of(mount.device, mount.root, self.hosts)
        if not names:
            return (
                one if mount.fstype in OF_THE_KERNEL else replace(one, kind="own" if one.target == "/" else "unknown")
            )
        told = [self._classified(replace(one, host=name)) for name in names]
        return next((each for each in told if each.is_the_hosts), told[0])

    def _laid_over(self, mount: Mount) -> Iterator[Shared]:
        """The host's directories that an overlay lies over, but its root's, which an engine made."""
        if not self.seen_by_host or mount.fstype != "overlay" or mount.point == "/":
            return
        for host, read_only in layers(mount.options):
            one = Shared("volume", mount.point, host, read_only or mount.read_only, "overlay", directory=True)
            if (found := self._directory(one)).kind != "own":
                yield found

    def _control_group(self, mount: Mount, one: Shared) -> Shared:
        """The box's own group, or one that has it in it, which is the host's."""
        names = names_of(mount.device, mount.root, self.hosts) if self.seen_by_host else []
        if not names:
            return one
        own = {str(place) for place in self.parts.group.places.values()} if self.parts.group is not None else set()
        one = replace(one, host=names[0], directory=True)
        above = any(rest for name in names for place in own if (rest := below(place, name)))
        if above or (not own and mount.root == "/"):
            return replace(one, kind="system", why="control groups that are not the box's")
        return one

    def _classified(self, one: Shared) -> Shared:
        """By the host's path, and by what lies there."""
        assert one.host is not None
        try:
            mode = self.host.path(one.host).stat().st_mode
        except OSError:
            mode = stat.S_IFDIR
        if stat.S_ISSOCK(mode):
            return replace(one, kind="socket", why="a daemon that rules the host" if places.rules(one.host) else "")
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            return replace(one, kind="device")
        if stat.S_ISDIR(mode):
            return self._directory(replace(one, directory=True))
        known = places.system_file(one.host)
        if known is not None:
            return replace(one, kind="system", why=known.why)
        return replace(one, kind="own" if self._made_for_it(one, one.host) else "volume")

    def _directory(self, one: Shared) -> Shared:
        assert one.host is not None
        known = places.system(one.host)
        if known is not None:
            return replace(one, kind="system", why=known.why)
        return replace(one, kind="own" if self._made_for_it(one, one.host) else "volume")

    def _made_for_it(self, one: Shared, host: str) -> bool:
        if any(below(host, str(volume)) is not None for volume in self.parts.volumes.values()):
            return False
        if one.target in places.INITS and one.read_only and one.target not in self.parts.mounted:
            return True
        if places.in_store(host) and "volumes" not in Path(host).parts:
            # What lies there for another box is its engine's, and was handed to this one.
            return not self.parts.id or self.parts.id in Path(host).parts or one.target in places.OF_EACH_BOX
        if self.parts.root is not None and below(host, str(self.parts.root)) is not None:
            return True
        try:
            return below(host, str(state_directory())) is not None
        except BoxError:
            return False

    # -- besides mounts ----------------------------------------------------------------

    def _descriptors(self, mounts: set[int]) -> Iterator[Shared]:
        """Open directories and files that lie on a mount of the host's, of the first process."""
        if self.proc is not None:
            yield from self.opened(self.proc, mounts)

    def opened(self, process: str, mounts: set[int]) -> Iterator[Shared]:
        """Those of `process`, of the host's /proc, but what lies on `mounts`, by their numbers."""
        hosts = {mount.number for mount in self.hosts} - mounts
        for fd in self._open(process):
            place = self.host.path(f"{process}/fd/{fd}")
            try:
                mode, host = place.stat().st_mode, str(place.readlink())
                told = text_of(self.host.path(f"{process}/fdinfo/{fd}"))
            except OSError:
                continue
            about = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
            if int(about.get("mnt_id", "-1")) not in hosts or not host.startswith("/"):
                continue
            one = Shared(
                "volume", f"fd {fd}", host, int(about.get("flags", "0"), 8) & os.O_ACCMODE == os.O_RDONLY, fd=fd
            )
            if stat.S_ISDIR(mode):
                yield replace(self._directory(one), directory=True)
            elif stat.S_ISREG(mode):
                yield self._classified(one)

    def _open(self, process: str) -> list[int]:
        try:
            names = [path.name for path in self.host.path(f"{process}/fd").iterdir()]
        except OSError:
            return []
        # The first three are the caller's own: where its output goes.
        return sorted(int(name) for name in names if name.isdigit() and int(name) > 2)

    def _said(self, found: list[Shared]) -> list[Shared]:
        """What the technology says that it handed in, where no table shows it: a kernel of its own hides the host."""
        known = {one.target for one in found if one.host is not None}
        said = []
        read_only = {volume.target: volume.read_only for volume in self.box.spec.volumes}
        handed = {target: (str(host), read_only.get(target, False)) for target, host in self.parts.volumes.items()}
        handed |= self.parts.mounted
        for target, (host, refuses_writes) in handed.items():
            if target not in known:
                said.append(self._classified(Shared("volume", target, host, refuses_writes)))
        return said


def procs(box: RunningBox) -> list[str]:
    """Where a /proc is mounted in the box, under any name, and where it always is."""
    return list(dict.fromkeys(["/proc", *(one.target for one in shared(box) if one.fstype == "proc")]))
