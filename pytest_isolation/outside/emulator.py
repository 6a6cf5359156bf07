"""The process that a box's machine is, as its host's /proc tells of it.

Posture: what it is and has there, not what a guest makes of it today.
Sources: proc_pid_status(5), proc_pid_fd(5), proc_net(5), kernel:filesystems/proc.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_isolation.boxes.procfs import status_of, text_of
from pytest_isolation.errors import BoxError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_isolation.boxes.box import RunningBox

NO_MACHINE = "the box is no machine of its own, or nobody knows which process that is"
HAS_ENDED = "process {pid}, the box's machine, has ended: what it is and has cannot be seen; run again"
LISTENS = "0A"
"""TCP_LISTEN: st of /proc/net/tcp."""
ACCEPTS = 0x0001_0000
"""__SO_ACCEPTCON: Flags of /proc/net/unix."""
FILTERED, COUNT = "2", "Seccomp_filters"
"""Seccomp of proc_pid_status(5): 0 is none, 1 is strict; how many there are, since Linux 5.9."""
OPTIONAL = ("tcp6",)
"""Of the lists in /proc/PID/net that which a kernel may be without."""
GONE = FileNotFoundError, ProcessLookupError
"""What a process that was waited for has in /proc, and a file of it that was open before."""
ENDED = ("Z", "X")
"""State of proc_pid_status(5)."""
USUAL = {
    (1, 3): "null", (1, 5): "zero", (1, 8): "random", (1, 9): "urandom", (5, 2): "ptmx", (10, 232): "kvm",
}  # fmt: skip
"""Character devices that a machine's process may have open: what every process may, and the one that it runs on."""


def pid_of(box: RunningBox) -> int:
    """The process, by its host's number.  Raises Unsupported where the box is no machine."""
    if box.parts.kernel_pid is None or box.parts.size is None:
        raise Unsupported(NO_MACHINE)
    return box.parts.kernel_pid


def status(box: RunningBox) -> list[dict[str, str]]:
    """/proc/PID/status of each of its threads.  Raises Unsupported, BoxError where it has ended."""
    found = []
    with suppress(*GONE):  # it has ended, and was waited for
        for thread in sorted(_of(box, "task").iterdir(), key=lambda one: int(one.name)):
            with suppress(*GONE):
                found.append(status_of(thread))
    # One that has ended has neither a filter nor anything else any more.
    alive = [one for one in found if one.get("State", "")[:1] not in ENDED]
    if not alive:
        raise BoxError(HAS_ENDED.format(pid=pid_of(box)))
    return alive


def unfiltered(box: RunningBox) -> list[str]:
    """The names of its threads that run under no more seccomp filters than whoever measures, who hands his on.

    Raises Unsupported where that one runs under some and the kernel does not say how many: before Linux 5.9.
    """
    ours = status_of(box.parts.host.path("/proc/self"))
    if ours.get("Seccomp") == FILTERED and COUNT not in ours:
        raise Unsupported(
            "whoever measures runs under a seccomp filter of its own, which the machine's process inherits, and this "
            "kernel does not count them",
            "run pytest where no filter holds it, or on Linux 5.9 or later",
        )
    inherited = _filters(ours)
    return sorted({one.get("Name", "") for one in status(box) if _filters(one) <= inherited})


def has_the_hosts_root(box: RunningBox) -> bool:
    """Whether its root directory is that of whoever measures.  Raises Unsupported, BoxError where it has ended."""
    try:
        theirs, ours = (box.parts.host.path(f"/proc/{pid}/root").stat() for pid in (pid_of(box), "self"))
    except GONE:
        raise BoxError(HAS_ENDED.format(pid=pid_of(box))) from None
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)


def ports(box: RunningBox) -> list[str]:
    """Where it takes connections by TCP: "0100007F:8F83", as the kernel writes it.  Raises Unsupported."""
    sockets = _sockets(box)
    lines = [*_lines(box, "tcp"), *_lines(box, "tcp6")]
    return [words[1] for words in lines if len(words) > 9 and words[3] == LISTENS and words[9] in sockets]


def names(box: RunningBox) -> list[str]:
    """The names at which it takes connections of its machine's: unix(7).  Raises Unsupported."""
    sockets = _sockets(box)
    return [
        " ".join(words[7:]) or "without a name"
        for words in _lines(box, "unix")
        if len(words) > 6 and words[6] in sockets and int(words[3], 16) & ACCEPTS
    ]


def devices(box: RunningBox) -> list[str]:
    """Device nodes that it has open, besides USUAL and terminals of its own.  Raises Unsupported."""
    found = []
    for place, told in _open(box):
        if stat.S_ISBLK(told.st_mode):
            found.append(str(place.readlink()))
        elif stat.S_ISCHR(told.st_mode):
            number = os.major(told.st_rdev), os.minor(told.st_rdev)
            if number not in USUAL and not 136 <= number[0] <= 143:
                found.append(str(place.readlink()))
    return found


def _filters(fields: dict[str, str]) -> int:
    return int(fields.get(COUNT, 1)) if fields.get("Seccomp") == FILTERED else 0


def _of(box: RunningBox, what: str) -> Path:
    return box.parts.host.path(f"/proc/{pid_of(box)}/{what}")


def _open(box: RunningBox) -> Iterator[tuple[Path, os.stat_result]]:
    try:
        places = sorted(_of(box, "fd").iterdir(), key=lambda one: int(one.name))
    except OSError as error:
        raise BoxError(f"/proc/{pid_of(box)}/fd, of the box's machine: {error.strerror}") from None
    if not places:
        raise BoxError(HAS_ENDED.format(pid=pid_of(box)))
    for place in places:
        try:
            yield place, place.stat()
        except OSError:
            continue  # closed since


def _sockets(box: RunningBox) -> set[str]:
    return {str(told.st_ino) for _, told in _open(box) if stat.S_ISSOCK(told.st_mode)}


def _lines(box: RunningBox, kind: str) -> list[list[str]]:
    """Of its own network namespace; nothing where the kernel has no such protocol."""
    try:
        text = text_of(_of(box, f"net/{kind}"))
    except GONE:
        if kind not in OPTIONAL:
            raise BoxError(HAS_ENDED.format(pid=pid_of(box))) from None
        return []
    return [line.split() for line in text.splitlines()[1:]]
