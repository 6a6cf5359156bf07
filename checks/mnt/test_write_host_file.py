"""No write from inside changes a file of the host."""

import os
import stat

from hypothesis import given

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.outside.shared.marks import marks
from pytest_isolation.outside.shared.roads import roads, the_hosts, write_by
from pytest_isolation.strategies import payloads

promise = guarantee(
    "mnt.host-unwritable",
    claim="a file in the places of the host's system is changed by no write from inside, whatever the box calls it",
    sources=("man:mount_namespaces(7)",),
    falsified_by=weaken.expose("/"),
    distinct="a box may see the host's files read-only",
)


@promise
@given(data=payloads())
def test_host_file_stays(box: Box, data: bytes) -> None:
    """Every place by every road in each example; drawn is what is written."""
    planted = marks(box)
    told = list(write_by(box.proc, roads(box, [mark.writable for mark in planted]), data))
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
