"""Which mounts of a mount table can be seen: one that lies below another has a path that leads elsewhere."""

from __future__ import annotations

from collections.abc import Iterable


def visible(table: Iterable[str]) -> list[str]:
    """The lines of /proc/PID/mountinfo whose mount is what its path leads to, as they stand.

    Source: man:proc_pid_mountinfo(5): a line begins with the mount's number and that of the mount it lies on.  A mount
    is hidden by one at its own path, or above it, that it does not lie on.
    """
    lines = [line for line in table if len(line.split()) > 4]
    parents = {line.split()[0]: line.split()[1] for line in lines}
    points = {line.split()[0]: line.split()[4] for line in lines}
    return [line for line in lines if _seen(line.split()[0], parents, points)]


def _seen(one: str, parents: dict[str, str], points: dict[str, str]) -> bool:
    below: set[str] = set()
    at: str | None = one
    while at is not None and at not in below:
        below.add(at)
        at = parents.get(at)
    path = points[one].rstrip("/") + "/"
    return not any(number not in below and path.startswith(point.rstrip("/") + "/") for number, point in points.items())
