"""A file tree as a newc archive: kernel Documentation/driver-api/early-userspace/buffer-format.rst.

Byte names, modes, owners, hard links, device nodes and times in whole seconds ride in it; extended
attributes, nanoseconds and holes have no place there.  So it only carries what boots, and the box's own tree is
unpacked by the agent (boxes/unpack.py), as everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_isolation.boxes.image import Entry, Image

_TYPES = {"dir": 0o040000, "file": 0o100000, "symlink": 0o120000, "fifo": 0o010000, "hardlink": 0o100000}


@dataclass(frozen=True, slots=True)
class Node:
    """A character device."""

    path: bytes
    major: int
    minor: int
    mode: int = 0o600


def to_cpio(image: Image, nodes: tuple[Node, ...] = ()) -> bytes:
    """The archive.  Raises ValueError for an entry it would carry with a loss."""
    for entry in image.entries:
        if entry.xattrs or entry.hole or entry.mtime_ns % 10**9:
            raise ValueError(f"a newc archive carries no xattrs, holes or parts of a second: {entry.path!r}")
    return b"".join([*_members(image), *map(_node, nodes), _member(0, b"TRAILER!!!", 0, 0, 0, 1, 0, b"")])


def _members(image: Image) -> Iterator[bytes]:
    groups: dict[bytes, list[Entry]] = {}
    for entry in image.entries:
        first = entry.data if entry.kind == "hardlink" else entry.path
        groups.setdefault(first, []).append(entry)
    for number, names in enumerate(groups.values(), 1):
        real = names[0]
        for index, entry in enumerate(names):
            # The contents of linked names come with the last of them.
            data = real.data if index == len(names) - 1 else b""
            entry = replace(real, path=entry.path)
            mode = _TYPES[real.kind] | real.mode
            yield _member(number, entry.path, mode, real.uid, real.gid, len(names), real.mtime_ns // 10**9, data)


def _node(node: Node) -> bytes:
    return _member(0, node.path, 0o020000 | node.mode, 0, 0, 1, 0, b"", node.major, node.minor)


def _member(
    inode: int, path: bytes, mode: int, uid: int, gid: int, links: int, mtime: int, data: bytes, *device: int
) -> bytes:
    major, minor = device or (0, 0)
    name = path + b"\0"
    fields = (inode, mode, uid, gid, links, mtime, len(data), 0, 0, major, minor, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    head += bytes(-len(head) % 4)
    return head + data + bytes(-len(data) % 4)
