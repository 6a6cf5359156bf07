"""An image: a file tree as a value, to be carried into every kind of box.

The model is the oracle of the portability checks: `digest` of the model must equal the digest of
what the box shows.  `carry` (unpacking through an agent's system calls) serves the technologies
whose root we make ourselves; `to_tar` serves engines that import archives.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pytest_isolation.boxes.weakenings import Weakenings, lossy

Kind = Literal["dir", "file", "symlink", "fifo", "hardlink"]


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
    """A file's contents, a symlink's target, or the path another name of a hard link was given first."""
    holes: tuple[tuple[int, int], ...] = ()
    """(offset, length) of stretches of `data` that are zeros and need no storage."""
    xattrs: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """Entries in the order they are made: a directory before what is in it, a file before its links."""

    entries: tuple[Entry, ...] = ()

    def __add__(self, other: Image) -> Image:
        return Image(self.entries + other.entries)

    def carried(self, weakenings: Weakenings) -> Image:
        """The image as a lossy carrier delivers it; the same image when no loss was asked for."""
        image = self
        for hole in sorted(weakenings):
            if hole.kind == "lossy" and hole.what in _LOSSES:
                image = _LOSSES[hole.what](image)
        return image


_LOSSES: dict[str, Any] = {}


def base_image() -> Image:
    """The tree every box of ours has: mount points, a few files of /etc, and the agent at /agent."""
    from pytest_isolation.agent.binary import agent_binary

    directories = (
        "proc sys dev run etc root var mnt host home srv usr bin".split()
        + ["var/tmp", "dev/pts", "dev/shm"]
    )
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
