"""Character devices of the machine: which it has, and whether the box comes into one, by a node there or a new one.

Opening is all that is done, and only with those whose opening does nothing.
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT, AT_FDCWD, DT
from pytest_isolation.agent.shortcuts import entries
from pytest_isolation.outside.shared import shared
from pytest_isolation.outside.shared.roads import roads

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc, Reply
    from pytest_isolation.outside.box import Box

USUAL = {
    (1, 3): "null", (1, 5): "zero", (1, 7): "full", (1, 8): "random", (1, 9): "urandom", (5, 0): "tty",
    (5, 1): "console", (5, 2): "ptmx",
}  # fmt: skip
"""What a box has by default: oci:runtime-spec config-linux default-devices."""
ACTING = {
    "watchdog*": "opening it starts a clock that restarts the machine",
    "st[0-9]*": "closing it winds the tape back",
    "nst[0-9]*": "a tape: it waits for one",
    "snapshot": "opening it makes ready to put the machine to sleep",
    "cpu_dma_latency": "while it is open no processor sleeps",
    "tty*": "opening a serial line or a console may change it; pseudo-terminals are mnt.devpts-private",
    "vcs*": "screens of the machine's consoles, made with them",
    "hvc*": "consoles", "ttyprintk": "a console", "rtc*": "a clock that one process may have",
    "ppp": "networks", "uhid": "keyboards that appear", "uinput": "keyboards that appear",
    "sg[0-9]*": "disks, by commands", "nvme*": "disks, by commands", "hpet": "a timer that one process may have",
    "pts": "terminals, with people at them",
}  # fmt: skip
"""Name in /dev, as a pattern -> why it is not opened."""
DEEPEST, MOST = 2, 400


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of character device that opens a way to the machine."""

    slug: str
    number: tuple[int, int]
    """Major and minor: kernel:admin-guide/devices."""
    what: str
    does: str
    flags: int = os.O_RDONLY


KINDS = (
    # For writing: for reading the kernel asks for a capability as well, where dmesg_restrict is set.
    Kind("kmsg", (1, 11), "the kernel's log", "writes into the machine's kernel log", os.O_WRONLY),
    Kind("kvm", (10, 232), "virtual machines", "starts virtual machines of the machine's kernel"),
    Kind("fuse", (10, 229), "file systems of its own", "serves file systems to the machine's kernel"),
    Kind("tun", (10, 200), "network interfaces of its own", "has network interfaces of its own making"),
    Kind("loop-control", (10, 237), "loop devices", "asks the machine for loop devices"),
)
"""Devices of which each is asked about by itself: every machine may have them, and some boxes are given them."""


def nodes(proc: Proc, place: str = "/dev", depth: int = DEEPEST) -> dict[str, tuple[int, int]]:
    """Path -> major and minor of every character device below /dev that `proc` is shown; at most MOST."""
    paths: list[str] = [place]
    waiting = [(place, depth)]
    for directory, left in waiting:
        for name, kind in entries(proc, directory):
            if kind == DT.DIR and left:
                waiting.append((f"{directory}/{name}", left - 1))
            elif kind in (DT.CHR, DT.UNKNOWN):
                paths.append(f"{directory}/{name}")
    found = {}
    for at in range(0, len(paths[:MOST]), 100):
        program = Program()
        steps = [(path, program.statx(AT_FDCWD, path, AT.SYMLINK_NOFOLLOW)) for path in paths[at : at + 100]]
        replies = proc.run(program)
        for path, step in steps:
            data = replies[step].data
            if data and stat.S_ISCHR(struct.unpack_from("<H", data, 28)[0]):
                found[path] = struct.unpack_from("<2I", data, 128)  # struct statx: stx_rdev_major, stx_rdev_minor
    return found


def places(box: Box) -> list[str]:
    """/dev, and what of the host's /dev the box was given under any other name, nodes by themselves among it."""
    given = [one for one in shared(box) if one.fd is None and one.fstype not in ("proc", "sysfs", "devpts", "mqueue")]
    of_dev = [one.target for one in given if one.fstype == "devtmpfs" or (one.host or "").startswith("/dev/")]
    return list(
        dict.fromkeys(["/dev", *of_dev, *(road.path for road in roads(box, ["/dev"], ()) if road.at == AT_FDCWD)])
    )


def acting(path: str) -> bool:
    """Whether opening it might do something."""
    words = path.removeprefix("/dev/").split("/")
    return any(fnmatch(word, pattern) for word in words for pattern in ACTING)


def opens(proc: Proc, path: str, flags: int) -> Reply:
    """open(2), and close(2) at once: the first one's reply."""
    opened = proc.openat(AT_FDCWD, path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if opened.ok:
        proc.close(opened.value)
    return opened


def tried(box: Box, proc: Proc, number: tuple[int, int], flags: int, name: str) -> list[Reply]:
    """The replies of all ways to the device: nodes that the box has, and one that is made wherever it may write."""
    there = {path: one for place in places(box) for path, one in nodes(proc, place).items()}
    told = [opens(proc, path, flags) for path, one in there.items() if one == number]
    for place in ("/dev", *(("/tmp",) if box.spec.attached else box.writable)):
        path = f"{place}/{name}"
        made = proc.mknodat(AT_FDCWD, path, stat.S_IFCHR | 0o600, os.makedev(*number))
        told.append(opens(proc, path, flags) if made.ok else made)
        if made.ok:
            proc.unlinkat(AT_FDCWD, path)
    return told
