"""A tree as this machine's kernel shows it, read by its root from outside of every box.

`unpack.observed` reads the same through an agent, and takes a name that is listed and not there for an error of the
bench; here it is an answer.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import replace

from pytest_isolation.boxes.image import FileView, TreeView

LISTED = "listed"
"""The kind of a name that the directory lists and that is not there."""

_KINDS = {
    stat.S_IFDIR: "dir",
    stat.S_IFREG: "file",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}


def read(root: bytes) -> TreeView:
    """What is at (b"") and below `root`.  No device is opened and no link is followed.  Raises OSError.

    Attributes: user.* and file capabilities.  A file system's own (trusted.*, security.selinux) are nobody's entry.
    """
    found: dict[bytes, FileView] = {}
    groups: dict[tuple[int, int], list[bytes]] = {}
    todo = [b""]
    while todo:
        path = todo.pop()
        where = root + b"/" + path if path else root
        try:
            status = os.lstat(where)
        except FileNotFoundError:
            found[path] = FileView(kind=LISTED, mode=0, uid=0, gid=0, mtime_ns=0)
            continue
        found[path] = _look(where, status)
        if stat.S_ISDIR(status.st_mode):
            todo += [path + b"/" + name if path else name for name in os.listdir(where)]
        elif status.st_nlink > 1:
            groups.setdefault((status.st_dev, status.st_ino), []).append(path)
    for names in groups.values():
        if len(names) > 1:
            for path in names:
                found[path] = replace(found[path], group=min(names))
    return found


def _look(where: bytes, status: os.stat_result) -> FileView:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "other")
    contents = b""
    if kind == "file":
        with open(os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            contents = file.read()
    elif kind == "symlink":
        contents = os.readlink(where)
    elif kind in ("char", "block"):
        contents = b"%d:%d" % (os.major(status.st_rdev), os.minor(status.st_rdev))
    return FileView(
        kind=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime_ns=status.st_mtime_ns,
        contents=contents,
        xattrs=_attributes(where),
        sparse=kind == "file" and status.st_blocks * 512 < status.st_size,
    )


def _attributes(where: bytes) -> tuple[tuple[str, bytes], ...]:
    found = []
    with suppress(OSError):  # a file system without attributes
        for name in os.listxattr(where, follow_symlinks=False):
            if name.startswith("user.") or name == "security.capability":
                with suppress(OSError):  # listed, and not readable: not there for who looks
                    found.append((name, os.getxattr(where, name, follow_symlinks=False)))
    return tuple(sorted(found))
