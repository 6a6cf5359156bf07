"""No write from inside changes a file of the host."""

import os
import stat

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.shared.marks import marks
from pytest_isolation.outside.shared.roads import FIXED, roads, the_hosts, write_by

promise = guarantee(
    "mnt.host-unwritable",
    claim="a file in the places of the host's system is changed by no write from inside, whatever the box calls it",
    sources=("man:mount_namespaces(7)",),
    severity=severity.host("changes files of the host's system"),
    falsified_by=weaken.expose("/"),
    distinct="a box may see the host's files read-only",
)


@promise
@given(up=st.integers(1, 8))
def test_host_file_stays(box: Box, up: int) -> None:
    """Every place by every road in each example; drawn is how far up from the box's root one walks."""
    planted = marks(box)
    told = list(
        write_by(box.proc, roads(box, [mark.writable for mark in planted], (*FIXED, "/.." * up)), f"up {up}".encode())
    )
    changed = planted.changed()
    replies = [reply for road, reply in told if road.host == changed and reply.ok]
    promise.require(changed is None, *replies, changed=changed)
    for road in the_hosts(box, besides=planted.places):
        # Places that take no mark of ours: the kernel is asked, and nothing is written.
        if stat.S_ISDIR(box.outside.path(road.host).stat().st_mode):
            reply = box.proc.faccessat(road.at, road.path, os.W_OK | os.X_OK)
        elif (reply := box.proc.openat(road.at, road.path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)).ok:
            box.proc.close(reply.value)
        promise.require(not reply.ok, reply, host=road.host, at=road)
