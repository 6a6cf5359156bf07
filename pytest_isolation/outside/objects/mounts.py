"""Mounts tried from inside: on a box that isolates nothing they are made where nobody else sees them."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT, AT_FDCWD, CLONE, MNT, MS
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.programs import read_file
from pytest_isolation.errors import NOT_ROOT, BoxError, Undecided, Unsupported, unless_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.outside.box import Box

MS_REC_BIND = MS.REC | MS.BIND
"""In a user namespace the kernel refuses to uncover what is mounted below: of a tree, all or nothing."""
STATX_MNT_ID = 0x1000
PLACES = ("/var", "/home", "/srv")
"""Of the root of most images, with room for a file."""


@contextmanager
def private_mounts(box: Box, flags: int = 0) -> Iterator[Proc]:
    """A process of the box with a copy of its mounts, where the box allows one; else one with the same mounts.

    Where a copy is refused (unshare(2) needs what mount(2) needs), so is whatever the check will try;
    where it is made, what the check mounts ends with the process.
    """
    with _copied(box, flags) as (proc, _):
        yield proc


@contextmanager
def _copied(box: Box, flags: int) -> Iterator[tuple[Proc, bool]]:
    """As private_mounts; says as well whether what it mounts stays in the copy: clone(2)'s word alone is none.

    gVisor's answers to flags it does not know are those to flags it does.
    """
    copied, _ = box.proc.try_spawn(CLONE.NEWNS | flags)
    with copied or box.spawn() as child:
        closed = copied is not None and child.mount(None, "/", None, MS.REC | MS.PRIVATE).ok
        yield child, closed and box.parts.shares_kernel


@dataclass(slots=True)
class Target:
    """A place where `proc` tries to mount, and what was mounted there before."""

    proc: Proc
    path: str
    _before: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._before = self._now()

    def shown(self) -> str:
        """What the kernel shows there that was not there before; "" for nothing."""
        return next(iter(sorted(self._now() - self._before)), "")

    def _now(self) -> set[str]:
        status = self.proc.statx(AT_FDCWD, self.path, 0, STATX_MNT_ID).data
        if status and int.from_bytes(status[:4], "little") & STATX_MNT_ID:
            return {f"{self.path} is mount {int.from_bytes(status[144:152], 'little')}"}
        try:
            lines = read_file(self.proc, "/proc/self/mountinfo").decode(errors="replace").splitlines()
        except BoxError:
            raise Undecided("the box shows neither the mount of a path (statx(2)) nor its list of mounts") from None
        return {line for line in lines if line.split()[4] == self.path}


@contextmanager
def target(box: Box, which: int, flags: int = 0) -> Iterator[Target]:
    """Where a process of the box, with a copy of its mounts if it may have one, tries to mount a directory.

    A directory that the box has: number `which` of those, so nothing need be made.  Where the mount would be the
    host's own, one that is made for it.  Raises Undecided where neither is to be had.
    """
    with _copied(box, flags) as (proc, closed), place(box, which, closed) as path:
        at = Target(proc, path)
        try:
            yield at
        finally:
            take_away(at)


def take_away(at: Target) -> None:
    """The mount there, if there is one of ours: most end with their process, not all."""
    if at.proc.alive and at.shown():
        at.proc.umount2(at.path, MNT.DETACH)


@contextmanager
def place(box: Box, which: int, closed: bool, below: str | None = None) -> Iterator[str]:
    """A directory to mount on; `closed`: nobody else sees what is mounted.

    One made in the directory `below`, where that takes one; else one that the box has, unless the mount would be the
    host's.
    """
    name = f"pytest-isolation-{secrets.token_hex(8)}"
    path = f"{below}/{name}"
    reply = box.proc.mkdirat(AT_FDCWD, path, 0o755) if below else None
    if not (reply and reply.ok) and (closed or _own_table(box)) and box.directories:
        yield box.directories[which % len(box.directories)]
        return
    if reply is None:
        path = f"{box.scratch}/{name}"
        reply = box.proc.mkdirat(AT_FDCWD, path, 0o755)
    made(reply)
    with ExitStack() as undo:
        undo.callback(box.proc.unlinkat, AT_FDCWD, path, AT.REMOVEDIR)
        yield path


def made(reply: Reply) -> None:
    """Raises Undecided unless the directory was made."""
    if not reply.ok:
        raise Undecided(f"the box does not let us have a directory to mount on (mkdirat: errno {reply.errno})")


def _own_table(box: Box) -> bool:
    """Whether the box's mounts are not the host's, as the host sees it."""
    if not box.parts.shares_kernel:
        return True
    if box.parts.init_pid is None:
        return False
    try:
        own = box.outside.path(f"/proc/{box.parts.init_pid}/ns/mnt").readlink()
        return bool(own != box.outside.path("/proc/self/ns/mnt").readlink())
    except OSError:
        return False


def one_of_each_file_system(box: Box) -> list[str]:
    """A path in each file system that the box has mounted, those of the kernel's own data left out."""
    try:
        table = parse(read_file(box.proc, "/proc/self/mountinfo").decode(errors="replace"))
    except BoxError:
        return ["/", *box.directories, *box.files]
    kept: dict[str, str] = {}
    for mount in table:
        if not f"{mount.point}/".startswith(("/proc/", "/sys/", "/dev/")):
            kept.setdefault(mount.device, mount.point)
    return list(kept.values())


def on_root(box: Box, paths: Iterable[str]) -> list[str]:
    """Those of `paths` that are in the box's root file system itself, not in one mounted below it."""
    program = Program()
    asked = [(path, program.statx(AT_FDCWD, path, 0, 0x17FF)) for path in ("/", *paths)]
    replies = box.proc.run(program)
    # struct statx: the numbers of the device, and the mount's where the kernel tells it.
    where = {path: (replies[step].data[136:144], replies[step].data[144:152]) for path, step in asked}
    return [path for path in paths if where[path] == where["/"]]


def place_in_root(box: Box, name: str, first: Sequence[str] = PLACES) -> str:
    """A path called `name` in a directory of the box's root, one of `first` if it can be, that took a file; that is
    gone again.

    An image may have none of them, a launcher may make them read-only: then others stand in.  Raises Unsupported where
    none takes one.
    """
    for below in (*first, *on_root(box, box.writable), ""):
        path = f"{below}/{name}"
        made = box.proc.openat(AT_FDCWD, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        if made.ok:
            box.proc.close(made.value)
            box.proc.unlinkat(AT_FDCWD, path)
            return path
    raise Unsupported(
        f"no place of the box's root takes a file: {os.strerror(made.errno)}",
        cause=unless_root(NOT_ROOT) if made.errno == errno.EACCES else None,
    )


def mounted(proc: Proc, target: str) -> str:
    """The line of `target` in the mounts of `proc`, as the kernel tells (proc_pid_mountinfo(5)); "" without one.

    A box without /proc has no such list: there the directory is compared with the one it is in.
    """
    try:
        lines = read_file(proc, "/proc/self/mountinfo").decode(errors="replace").splitlines()
    except BoxError:
        return _by_device(proc, target)
    return next((line for line in lines if line.split()[4] == target), "")


def kept_flags(proc: Proc, path: str) -> int:
    """The flags of a mount that a remount has to name again, where they are locked: mount_namespaces(7)."""
    known = {"nosuid": 2, "nodev": 4, "noexec": 8}
    options = mounted(proc, path).split()[5:6]
    return sum(known.get(option, 0) for option in options[0].split(",")) if options else 0


def _by_device(proc: Proc, target: str) -> str:
    mount_id = {path: proc.statx(AT_FDCWD, path, 0, 0x1000).data[144:152] for path in (target, f"{target}/..")}
    here, above = mount_id.values()
    return f"{target} is mount {int.from_bytes(here, 'little')}" if here != above else ""


def mounted_on_host(box: Box, above: str, undo: ExitStack) -> str | None:
    """A small file system of the host's own, on a directory of ours in its directory `above`; None for no room there.

    Both are gone after `undo`, and are written down before they are made.  Raises Unsupported where mount(2) is not for
    this user.
    """
    path = box.outside.path(above, f"pytest-isolation-mount-{secrets.token_hex(6)}")
    if box.lifetime is not None:
        box.parts.host.register_directory(box.lifetime, path)
        box.lifetime.register("mount", os.fspath(path))
    try:
        path.mkdir(0o700)
    except OSError:
        return None
    undo.callback(path.rmdir)
    reply = box.outside.proc.mount("tmpfs", os.fspath(path), "tmpfs", 0, "size=4k")
    if not reply.ok:
        raise Unsupported(f"this user mounts nothing on the host ({reply})", cause=unless_root(NOT_ROOT))
    undo.callback(box.outside.proc.umount2, os.fspath(path), MNT.DETACH)
    return os.fspath(path)
