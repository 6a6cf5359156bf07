"""The box does not learn where its machine keeps what it was given."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read_records
from pytest_isolation.boxes.spec import Volume
from pytest_isolation.outside.machine import leaks

TARGET = "/data"
promise = guarantee(
    "leak.host-paths",
    claim="no table of mounts tells the box the path that a volume has on its machine",
    sources=("man:proc_pid_mountinfo(5), root", "man:statmount(2)"),
    severity=severity.learns("learns paths of its machine"),
    falsified_by=weaken.drop("own-kernel"),
    box={"volumes": (Volume(target=TARGET),)},
    oracle="receipt",
    kind="per-window",
    distinct="what a mount is of is told by its place in the machine's file system",
)
TABLES = ("mountinfo", "mounts", "mountstats")


@promise
@given(child=st.booleans())
def test_path_of_a_volume_is_not_told(box: Box, child: bool) -> None:
    if TARGET not in box.parts.volumes:
        raise Unsupported("the box has no volume")
    name = box.parts.volumes[TARGET].name.encode()
    with box.spawn() as other:
        proc = other if child else box.proc
        promise.receipt(bool(leaks.called(proc)), "clock_gettime(2)")
        told = {table: read_records(proc, f"/proc/self/{table}") for table in TABLES}
    if not any(reply.ok for replies in told.values() for reply in replies):
        promise.undecided("the box has no table of mounts")
    found = [table for table, replies in told.items() if any(name in reply.data for reply in replies)]
    promise.require(not found, found=", ".join(found))
