"""What each box was given of its host, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.report.run import BoxRow, GivenRow

USUAL = frozenset({
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
})  # fmt: skip
"""What Docker leaves to root by default: https://docs.docker.com/engine/containers/run/, runtime privilege."""
FILES = {
    "system": "places of the host's system",
    "socket": "sockets",
    "device": "devices",
    "volume": "volumes",
    "unknown": "from somewhere else",
}
FEW = 6
"""Names in a line for a terminal."""


def in_words(box: BoxRow, *, whole: bool = False) -> list[str]:
    """ "volumes: /data (the host's /srv/data, rw)", "capabilities: none", ...: a line each, none where nobody looked.

    `whole`: without a limit on the names in a line.
    """
    if box.given is None:
        return []
    of = {kind: [row for row in box.given if row.kind == kind] for kind in {row.kind for row in box.given}}
    few = None if whole else FEW
    said = [f"{words}: {_some(map(file, of[kind]), few)}" for kind, words in FILES.items() if kind in of]
    if "kernel" in of:
        said.append(f"a kernel of its own: {of['kernel'][0].why}")
    else:
        shared = [row.target for row in of.get("namespace", ())]
        said.append(f"namespaces shared with the host: {', '.join(shared) or 'none'}")
        said.append(f"capabilities: {_capabilities(of.get('capability', []), whole=whole)}")
    if "group" in of:
        said.append(f"further groups: {_some((row.target for row in of['group']), few)}")
    if "port" in of:
        said.append(f"published ports: {_some((f'{row.target} at {row.host}' for row in of['port']), few)}")
    return said


def file(row: GivenRow) -> str:
    """ "/rootfs (the host's /, ro)"."""
    where = f"the host's {row.host}" if row.host is not None else row.fstype
    return f"{row.target} ({', '.join(one for one in (where, row.mode) if one)})"


def _capabilities(rows: list[GivenRow], *, whole: bool) -> str:
    names = [row.target for row in rows]
    if not names:
        return "none"
    where = f", {rows[0].why}" if rows[0].why else ""
    if "SYS_ADMIN" in names and len(names) >= 38:  # Linux 5.8 and before have 38
        return f"all {len(names)}{where}"
    more = [name for name in names if name not in USUAL]
    if whole:
        return f"{', '.join(names)}{where}"
    if not more:
        return f"{len(names)}, none beyond Docker's default{where}"
    return f"{len(names)}, beyond Docker's default: {_some(more, FEW)}{where}"


def _some(names: Iterable[str], few: int | None) -> str:
    listed = list(names)
    more = f" and {len(listed) - few} more" if few is not None and len(listed) > few else ""
    return ", ".join(listed[:few]) + more


def together(boxes: Iterable[BoxRow], *, whole: bool = False) -> list[tuple[list[str], list[str]]]:
    """(names of boxes, their lines): those that were given the same in one."""
    found: dict[tuple[str, ...], list[str]] = {}
    for box in boxes:
        if lines := in_words(box, whole=whole):
            found.setdefault(tuple(lines), []).append(box.name)
    return [(names, list(lines)) for lines, names in found.items()]
