"""A secret of the host cannot be read from inside, by any path that leads to it outside."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.shared.marks import marks
from pytest_isolation.outside.shared.roads import FIXED, own_file, read_by, roads, the_hosts

promise = guarantee(
    "mnt.host-secret-unreadable",
    claim="a file in the places of the host's system is read by no path from inside, whatever the box calls it",
    sources=("man:mount_namespaces(7)", "man:pivot_root(2)"),
    severity=severity.host("reads files of the host's system"),
    falsified_by=weaken.expose("/"),
    oracle="receipt",
)


@promise
@given(up=st.integers(1, 8))
def test_secret_is_unreadable(box: Box, up: int) -> None:
    """Every place by every road in each example; drawn is how far up from the box's root one walks."""
    planted = marks(box)
    secrets = {mark.readable: mark.secret for mark in planted}
    for road, reply in read_by(box.proc, roads(box, secrets, (*FIXED, "/.." * up))):
        promise.require(secrets[road.host] not in reply.data, reply, host=road.host, at=road)
    for road in the_hosts(box, besides=planted.places):
        # What is in it is a stranger's: it is opened, and not read.
        reply = box.proc.openat(road.at, road.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if reply.ok:
            box.proc.close(reply.value)
        promise.require(not reply.ok, reply, host=road.host, at=road)
    # After the finds, which need none: a box that refuses every read would find nothing either.
    promise.receipt(*own_file(box))
