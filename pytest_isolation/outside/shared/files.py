"""The files, sockets and devices of the host that a box was given, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_isolation.outside.shared.found import Shared, shared
from pytest_isolation.outside.shared.table import below

if TYPE_CHECKING:
    from pytest_isolation.boxes.box import RunningBox

ORDINARY = frozenset({"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "pts", "shm", "mqueue"})
"""Devices that every box has."""
MADE_BY_ENGINES = frozenset({"/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"})
"""What a kernel of its own shows without a device that the host knows, gVisor."""


def files(box: RunningBox) -> list[dict[str, str | None]]:
    """What of the host `box` has been handed, as JSON has it: a dict each, none for what was made for the box.

    kind    system (a place of the host's system), socket, volume, device or unknown (the files of a network, or of
            FUSE, of which nobody says where they are from)
    target  where the box has it: a path, or `fd N` for a file that was left open
    host    the host's path; null where it is not known
    mode    ro or rw
    fstype  of the mount; "" for what is none
    why     of a place of the system, and of a ruling daemon's socket: what whoever has it can do; else ""

    What came with another thing is left out (the mounts below a directory that was handed in with all of them), and of
    several on one place the last is told.  Looks at most once a box and never raises, but AgentLost where the box has
    ended and the host cannot see its mounts.
    """
    last = {one.target: one for one in shared(box) if _handed(one)}
    return [_plain(one) for one in last.values() if not any(_came_with(one, other) for other in last.values())]


def _handed(one: Shared) -> bool:
    if one.kind == "device":
        return (one.host or "").rpartition("/")[2] not in ORDINARY
    if one.kind == "unknown":
        return one.target not in MADE_BY_ENGINES
    return one.kind in ("system", "socket", "volume")


def _came_with(one: Shared, other: Shared) -> bool:
    """Whether `one` is below `other` in the box just as it is on the host, or in all of the host."""
    if one.host is None or other.host is None or one is other:
        return False
    rest = below(one.target, other.target)
    return bool(rest) and (other.host == "/" or below(one.host, other.host) == rest)


def _plain(one: Shared) -> dict[str, str | None]:
    return {
        "kind": one.kind,
        "target": one.target,
        "host": one.host,
        "mode": "ro" if one.read_only else "rw",
        "fstype": one.fstype,
        "why": one.why,
    }
