"""A disk of its machine, and what is behind it, is not named in the box."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import entries
from pytest_isolation.outside.machine import leaks
from pytest_isolation.outside.machine.traces import disk
from pytest_isolation.strategies import tokens

promise = guarantee(
    "leak.disks",
    claim="no file of /sys gives the box the name of what a disk of its machine is made of",
    sources=("kernel:ABI/testing/sysfs-block", "man:loop(4)"),
    severity=severity.learns("lists its machine's disks, and what they are made of"),
    falsified_by=weaken.drop("own-kernel"),
    oracle="receipt",
    kind="per-window",
    distinct="which disks there are, and the paths of images of theirs: not how busy they are",
)
PLACES = ("/sys/block", "/sys/class/block", "/sys/devices/virtual/block")


@promise
@given(token=tokens())
def test_disk_is_not_named(box: Box, token: str) -> None:
    with disk(box, token) as name:
        promise.receipt(bool(leaks.called(box.proc)), "clock_gettime(2)")
        if not leaks.has_sys(box.proc):
            promise.undecided("the box has no /sys")
        paths = [
            f"{place}/{name}/loop/{one}" for place in PLACES for one, _ in entries(box.proc, f"{place}/{name}/loop")
        ]
        found = [path for path, data in leaks.contents(box.proc, paths).items() if token.encode() in data]
        promise.require(not found, found=", ".join(found))
