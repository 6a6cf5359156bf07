"""Mount tables: lines of a mountinfo, proc_pid_mountinfo(5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ODD = re.compile(r"\\([0-7]{3})")
DELETED = "//deleted"

OF_THE_KERNEL = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs", "securityfs", "selinuxfs",
    "sysfs", "tmpfs", "tracefs",
})  # fmt: skip
"""File systems without files of a disk.  One that is none of these, and that no mount of the host's explains, may be a
window on the host's files all the same: a network's, FUSE, virtiofs, 9p, an overlay."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of /proc/PID/mountinfo, proc(5)."""

    number: int
    device: str
    """MAJOR:MINOR as the kernel has it for the file system."""
    root: str
    """The path within the file system that is mounted."""
    point: str
    """Where, as whoever has the table sees it."""
    read_only: bool
    fstype: str
    source: str
    options: str
    """Of the file system (super options)."""


def parse(text: str) -> list[Mount]:
    """Oldest first; what is no line of a mountinfo is left out."""
    return [mount for line in text.splitlines() if (mount := _line(line)) is not None]


def _line(line: str) -> Mount | None:
    fields, separator, rest = line.partition(" - ")
    first, last = fields.split(" "), rest.split(" ")
    if not separator or len(first) < 6 or not first[0].isdigit() or len(last) < 2:
        return None
    options = last[2] if len(last) > 2 else ""
    return Mount(
        number=int(first[0]),
        device=first[2],
        root=_plain(first[3]),
        point=_plain(first[4]),
        read_only="ro" in (*first[5].split(","), *options.split(",")),
        fstype=last[0],
        source=_plain(last[1]),
        options=options,
    )


def _plain(text: str) -> str:
    raw = _ODD.sub(lambda odd: chr(int(odd[1], 8)), text)
    return raw.removesuffix(DELETED) or "/"


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
    return _plain(text).replace("\\:", ":")
