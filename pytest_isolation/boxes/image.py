"""An image: a file tree as a value, to be carried into every kind of box.

The model is the oracle of the portability checks: what a box shows must equal `shown()` of the
image it was started from.  `unpack` carries it through an agent's system calls, `to_tar` for engines
that import archives.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.weakenings import IMAGE_LOSSES, Weakening, Weakenings

Kind = Literal["dir", "file", "symlink", "fifo", "hardlink", "char", "block"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name in the tree.  `path` is relative to the root, in bytes as the kernel has it."""

    path: bytes
    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    data: bytes = b""
    """A file's contents, a symlink's target, the path another name of a hard link was given first, or MAJOR:MINOR."""
    hole: int = 0
    """Bytes of zeros behind `data` that take no storage."""
    xattrs: tuple[tuple[str, bytes], ...] = ()

    @property
    def device(self) -> tuple[int, int]:
        """Of a node: its major and minor number."""
        major, _, minor = self.data.partition(b":")
        return int(major), int(minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """What a box shows of one name: of the image's model, what it should show."""

    kind: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    contents: bytes = b""
    """Of a file; the target of a symlink; MAJOR:MINOR of a device."""
    xattrs: tuple[tuple[str, bytes], ...] = ()
    group: bytes = b""
    """The first of the names of one hard link, in order; empty for a file with a single name."""
    sparse: bool = False
    """Whether part of a file takes no storage."""


TreeView = dict[bytes, FileView]
"""Path, relative to where the tree was read -> its look."""


@dataclass(frozen=True, slots=True)
class Image:
    """Entries in the order they are made: a directory before what is in it, a file before its links."""

    entries: tuple[Entry, ...] = ()

    def __add__(self, other: Image) -> Image:
        return Image(self.entries + other.entries)

    def below(self, directory: bytes) -> Image:
        """The tree in `directory`, with its names as they are seen from there."""
        inside = directory + b"/"
        return Image(
            tuple(
                replace(
                    entry,
                    path=entry.path.removeprefix(inside),
                    data=entry.data.removeprefix(inside) if entry.kind == "hardlink" else entry.data,
                )
                for entry in self.entries
                if entry.path.startswith(inside)
            )
        )

    def carried(self, weakenings: Weakenings) -> Image:
        """The image as a lossy carrier delivers it; the same image when no loss was asked for."""
        image = self
        for hole in sorted(weakenings):
            if hole.kind == "lossy" and hole.what in IMAGE_LOSSES:
                image = Image(tuple(_LOSSES[hole.what](image.entries)))
        return image

    def handed_on(self, road: str, weakenings: Weakenings) -> Image:
        """The image as a lossy engine sends it over `road`; the same image when no loss was asked for."""
        image = self
        for aspect, loss in _LOSSES.items():
            if Weakening("lossy", f"{road}-{aspect}") in weakenings:
                image = Image(tuple(loss(image.entries)))
        return image

    def to_tar(self) -> bytes:
        """A PAX archive, as `docker import` takes it: byte names, nanoseconds, xattrs, hard links."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
            for entry in self.layer:
                archive.addfile(*member_of(entry))
        return buffer.getvalue()

    @property
    def layer(self) -> tuple[Entry, ...]:
        """The entries as an archive has them: who unpacks a hard link may set what its header says, the file's here."""
        files = {entry.path: entry for entry in self.entries}
        return tuple(
            replace(files[entry.data], path=entry.path, kind=entry.kind, data=entry.data)
            if entry.kind == "hardlink"
            else entry
            for entry in self.entries
        )


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


_TYPES = {
    "dir": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "fifo": tarfile.FIFOTYPE,
    "hardlink": tarfile.LNKTYPE,
    "char": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
}


def member_of(entry: Entry) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    """The entry as tarfile adds it: its header, and what stands behind it."""
    member = tarfile.TarInfo(_text(entry.path))
    member.mode, member.uid, member.gid = entry.mode, entry.uid, entry.gid
    # The archive's own field holds seconds; the rest is in the PAX header, as a decimal number.
    member.mtime = entry.mtime_ns // 10**9
    seconds, nanoseconds = divmod(abs(entry.mtime_ns), 10**9)
    sign = "-" if entry.mtime_ns < 0 else ""
    headers = {"mtime": f"{sign}{seconds}.{nanoseconds:09d}"} if nanoseconds else {}
    headers |= {f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape") for name, value in entry.xattrs}
    member.pax_headers = headers
    if entry.kind != "file":
        member.type = _TYPES[entry.kind]
        member.linkname = _text(entry.data) if entry.kind in ("symlink", "hardlink") else ""
        if entry.kind in ("char", "block"):
            member.devmajor, member.devminor = entry.device
        return member, None
    contents = entry.data + bytes(entry.hole)
    member.size = len(contents)
    return member, io.BytesIO(contents)


# -- losses -----------------------------------------------------------------------------


def _links(entries: tuple[Entry, ...]) -> Iterable[Entry]:
    """Every name of a hard link becomes a file of its own; a symlink, a copy of what it points to."""
    files = {entry.path: entry for entry in entries}
    for entry in entries:
        target = files.get(entry.data)
        if entry.kind == "hardlink" and target is not None:
            yield replace(target, path=entry.path)
        elif entry.kind == "symlink":
            copied = files.get(entry.path.rpartition(b"/")[0] + b"/" + entry.data) or files.get(entry.data.lstrip(b"/"))
            data = copied.data if copied is not None and copied.kind == "file" else b""
            yield replace(entry, kind="file", mode=0o644, data=data)
        else:
            yield entry


def _names(entries: tuple[Entry, ...]) -> Iterable[Entry]:
    """Folded to lower case; the first of two names that become one stays, and what has lost its place goes."""
    kinds: dict[bytes, Kind] = {}
    for entry in entries:
        path = entry.path.lower()
        if path not in kinds and kinds.get(path.rpartition(b"/")[0], "dir") == "dir":
            kinds[path] = entry.kind
            yield replace(entry, path=path, data=entry.data.lower() if entry.kind == "hardlink" else entry.data)


def _each(change: Callable[[Entry], Entry]) -> Callable[[tuple[Entry, ...]], Iterable[Entry]]:
    return lambda entries: map(change, entries)


_LOSSES: dict[str, Callable[[tuple[Entry, ...]], Iterable[Entry]]] = {
    "links": _links,
    "names": _names,
    "contents": _each(lambda entry: replace(entry, data=entry.data + b"." if entry.kind == "file" else entry.data)),
    "xattrs": _each(lambda entry: replace(entry, xattrs=())),
    "capabilities": _each(
        lambda entry: replace(entry, xattrs=tuple(one for one in entry.xattrs if not one[0].startswith("security.")))
    ),
    "modes": _each(
        lambda entry: replace(entry, mode=0o755 if entry.kind == "dir" or entry.path == b"agent" else 0o644)
    ),
    "owners": _each(lambda entry: replace(entry, uid=0, gid=0)),
    "times": _each(lambda entry: replace(entry, mtime_ns=entry.mtime_ns // 10**9 * 10**9 - 10**9)),
    "holes": _each(lambda entry: replace(entry, data=entry.data + bytes(entry.hole), hole=0)),
}
"""environment, identity, workdir and host-name are lost by the technology: they are no part of the tree."""


@cache
def base_image() -> Image:
    """The tree every box of ours has: mount points, a few files of /etc, and the agent at /agent."""
    directories = [
        "proc",
        "sys",
        "dev",
        "run",
        "etc",
        "root",
        "var",
        "mnt",
        "host",
        "home",
        "srv",
        "var/tmp",
        "dev/pts",
        "dev/shm",
    ]
    made = [Entry(path=name.encode(), kind="dir", mode=0o755) for name in directories]
    made.append(Entry(path=b"tmp", kind="dir", mode=0o1777))
    files = {
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        "etc/group": "root:x:0:\nnogroup:x:65534:\n",
        "etc/hostname": "box\n",
        "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
        "etc/resolv.conf": "",
    }
    made += [Entry(path=path.encode(), kind="file", data=text.encode()) for path, text in files.items()]
    made.append(Entry(path=b"agent", kind="file", mode=0o755, data=agent_binary().read_bytes()))
    return Image(tuple(made))


def whole(image: Image | None) -> Image:
    """The tree of a box that is given `image`: base_image(), and in the place of its files those of the same names."""
    own = image or Image()
    taken = {entry.path for entry in own.entries if entry.kind != "dir"}
    return Image(tuple(entry for entry in base_image().entries if entry.path not in taken)) + own
