"""The box has terminals of its own: none of the host's can be written to."""

import os
import struct

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.memory import In, OutBuffer
from pytest_isolation.outside.network.listeners import new_token
from pytest_isolation.outside.shared.found import shared
from pytest_isolation.outside.shared.roads import Road, is_the_hosts, named, write_by
from pytest_isolation.outside.shared.table import join

promise = guarantee(
    "mnt.devpts-private",
    claim="no terminal of the host is among those that the box has, and nothing that is written inside arrives at one",
    sources=("man:pts(4)", "kernel:filesystems/devpts"),
    severity=severity.host("writes to the terminals of the host's users"),
    falsified_by=weaken.expose("/dev"),
    kind="per-window",
    distinct="a terminal is a person at the host: what is written there is shown, and may be taken for a command's",
)
TIOCSPTLCK, TIOCGPTN = 0x4004_5431, 0x8004_5430


@promise
def test_terminal_is_the_boxs_own(box: Box) -> None:
    """A new terminal of the host, by its number, in every mount of terminals that the box has."""
    outside, token = box.outside.proc, new_token().hex().encode()
    master = outside.openat(AT_FDCWD, "/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not master.ok:
        raise Unsupported(f"the host gives no terminal to witness with: {master}")
    try:
        outside.ioctl(master.value, TIOCSPTLCK, In(struct.pack("<i", 0)))
        told = outside.ioctl(master.value, TIOCGPTN, OutBuffer(4))
        (number,) = struct.unpack("<I", told.data)
        places = {"/dev/pts", *(one.target for one in shared(box) if one.fstype == "devpts")}
        ways = [Road(join(place, f"/{number}"), f"/dev/pts/{number}") for place in sorted(places)]
        # Another terminal of this number is the box's own, and perhaps in use: it is left alone.
        theirs = [road for road, found in named(box.proc, ways) if is_the_hosts(box, road, found)]
        written = [reply for _, reply in write_by(box.proc, theirs, token)]
        arrived = token in outside.read(master.value, 4096).data
        promise.require(not arrived and not theirs, *written, terminal=f"/dev/pts/{number}", arrived=arrived)
    finally:
        outside.close(master.value)
