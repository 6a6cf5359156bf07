"""All that a box was given, as plain data for its report: files, devices, namespaces, privileges, ports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_isolation.boxes.procfs import status_of
from pytest_isolation.boxes.weakenings import CAPABILITIES, NAMESPACES
from pytest_isolation.errors import IsolationError
from pytest_isolation.outside.shared.files import files

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_isolation.boxes.box import RunningBox

Given = dict[str, str | None]
"""kind, target, host, mode, fstype and why, as shared/files.py has them.  Further kinds:

kernel      the box has a kernel of its own: what follows of namespaces and privileges is that kernel's, and not told
namespace   target: the type of one that the box shares with its host
capability  target: one that the box's first process has in effect, capabilities(7), without CAP_; why: where it counts
            in a user namespace of the box's own alone
group       target: the number of a further group of the first process, as the host has it
port        target: 80/tcp in the box; host: the address at which the engine published it
"""


def given(box: RunningBox) -> list[Given]:
    """Never raises: what could not be found out is left out."""
    found: list[Given] = []
    with suppress(IsolationError, OSError, ValueError):
        found += files(box)
    if not box.parts.shares_kernel:
        found.append(_row("kernel", "its own", why="its namespaces and privileges are not the host's"))
    else:
        with suppress(IsolationError, OSError, ValueError):
            found += _of_process(box)
    found += [_row("port", inside, host=host) for inside, host in box.parts.published or ()]
    return found


def _of_process(box: RunningBox) -> Iterator[Given]:
    """Of the first process, as the host's kernel tells: man:proc_pid_ns(5), man:proc_pid_status(5)."""
    if box.parts.init_pid is None:
        return
    host = box.parts.host
    place, own = host.path("/proc", str(box.parts.init_pid)), host.path("/proc/self")
    shared = [one for one in NAMESPACES if _same(place / "ns" / one, own / "ns" / one)]
    yield from (_row("namespace", one) for one in shared)
    status = status_of(place)
    effective = int(status["CapEff"], 16)
    where = "" if "user" in shared else "in a user namespace of its own"
    for number in range(effective.bit_length()):
        if effective >> number & 1:
            yield _row("capability", CAPABILITIES[number] if number < len(CAPABILITIES) else str(number), why=where)
    yield from (_row("group", group) for group in status.get("Groups", "").split())


def _same(one: Path, other: Path) -> bool:
    try:
        return one.readlink() == other.readlink()
    except OSError:  # a kernel without such namespaces, or not ours to look at
        return False


def _row(kind: str, target: str, *, host: str | None = None, why: str = "") -> Given:
    return {"kind": kind, "target": target, "host": host, "mode": None, "fstype": "", "why": why}
