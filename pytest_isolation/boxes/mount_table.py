"""Mount tables: the lines of a /proc/PID/mountinfo, proc_pid_mountinfo(5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_OCTAL = re.compile(r"\\([0-7]{3})")
_DELETED = "//deleted"


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of one."""

    number: int
    parent: int
    """The number of the mount that it lies on."""
    device: str
    """MAJOR:MINOR as the kernel has it for the file system."""
    root: str
    """The path within the file system that is mounted."""
    point: str
    """Where, as whoever has the table sees it."""
    flags: str
    """Of the mount: `rw,nosuid,relatime`."""
    tags: tuple[str, ...]
    """Its peer group, and the one that it follows: `shared:N`, `master:N`."""
    fstype: str
    source: str
    options: str
    """Of the file system (super options)."""

    @property
    def read_only(self) -> bool:
        """Whether nobody writes by it: the mount is so, or its file system."""
        return "ro" in (*self.flags.split(","), *self.options.split(","))


def parse(text: str) -> list[Mount]:
    """Oldest first; what is no line of a mountinfo is left out."""
    return [mount for line in text.split("\n") if (mount := _line(line)) is not None]


def _line(line: str) -> Mount | None:
    fields, separator, rest = line.partition(" - ")
    first, last = fields.split(" "), rest.split(" ")
    if not separator or len(first) < 6 or not all(one.isdecimal() for one in first[:2]) or len(last) < 2:
        return None
    return Mount(
        number=int(first[0]),
        parent=int(first[1]),
        device=first[2],
        root=plain(first[3]),
        point=plain(first[4]),
        flags=first[5],
        tags=tuple(first[6:]),
        fstype=last[0],
        source=unescaped(last[1]),
        options=last[2] if len(last) > 2 else "",
    )


def unescaped(text: str) -> str:
    """A name as it is: a table writes a space, and the like, as an octal number."""
    return _OCTAL.sub(lambda odd: chr(int(odd[1], 8)), text)


def plain(path: str) -> str:
    """A path as it is, whether or not it was deleted."""
    return unescaped(path).removesuffix(_DELETED) or "/"


def visible(table: Sequence[Mount]) -> list[Mount]:
    """The mounts that their paths lead to.

    A mount is hidden by one at its own path, or above it, that it does not lie on.
    """
    by_number = {mount.number: mount for mount in table}
    return [mount for mount in table if _is_seen(mount, by_number)]


def _is_seen(one: Mount, by_number: Mapping[int, Mount]) -> bool:
    below: set[int] = set()
    at: Mount | None = one
    while at is not None and at.number not in below:
        below.add(at.number)
        at = by_number.get(at.parent)
    path = f"{one.point.rstrip('/')}/"
    others = (mount for number, mount in by_number.items() if number not in below)
    return not any(path.startswith(f"{other.point.rstrip('/')}/") for other in others)
