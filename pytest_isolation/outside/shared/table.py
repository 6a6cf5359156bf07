"""Paths of a mount table: which names a place has by it, and what an overlay was made of."""

from __future__ import annotations

import re

from pytest_isolation.boxes.mount_table import Mount, plain

OF_THE_KERNEL = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs",
    "sysfs", "tmpfs", "tracefs",
})  # fmt: skip
"""File systems without files of a disk.  One that is none of these, and that no mount of the host's explains, may be a
window on the host's files all the same: a network's, FUSE, virtiofs, 9p, an overlay."""


def below(path: str, above: str) -> str | None:
    """`path` relative to `above`, with a slash before it, "" when they are one; None when it is not in it."""
    base = above.rstrip("/")
    if path.rstrip("/") == base:
        return ""
    return path[len(base) :] if path.startswith(f"{base}/") else None


def join(point: str, rest: str) -> str:
    """The path of `rest`, "" or one that begins with /, below `point`."""
    return (point.rstrip("/") + rest) or "/"


def names_of(device: str, root: str, table: list[Mount]) -> list[str]:
    """Every path at which whoever has `table` sees `root` of the file system `device`, the shortest first."""
    found = []
    for mount in table:
        rest = below(root, mount.root) if mount.device == device else None
        if rest is not None:
            found.append(join(mount.point, rest))
    return sorted(set(found), key=lambda path: (len(path), path))


def layers(options: str) -> list[tuple[str, bool]]:
    """The directories that an overlay was made of, by whole paths, and whether writes go elsewhere.

    `options`: of its file system, as a mountinfo has them.  Source: kernel:filesystems/overlayfs.
    """
    found = []
    for option in options.split(","):
        key, _, value = option.partition("=")
        if key in ("lowerdir", "lowerdir+"):
            found += [(_whole(one), True) for one in re.split(r"(?<!\\134):", value) if one]
        elif key == "upperdir":
            found.append((_whole(value), False))
    return [(path, read_only) for path, read_only in found if path.startswith("/")]


def _whole(text: str) -> str:
    """A colon of a name has a backslash, which the table writes as an octal number."""
    return plain(text).replace("\\:", ":")
