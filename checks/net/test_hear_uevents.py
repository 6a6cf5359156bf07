"""The box does not hear what the host's kernel tells of its devices."""

import uuid

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.errors import NOT_ROOT, unless_root
from pytest_isolation.outside.network.netlink import NETLINK_KOBJECT_UEVENT, NO_SOCKET, heard, subscribed

promise = guarantee(
    "net.uevent-hidden",
    claim="what the kernel tells of a device of the host (plugged in, taken out, changed) is heard by no socket inside",
    sources=("man:netlink(7) NETLINK_KOBJECT_UEVENT", "kernel:ABI/testing/sysfs-uevent"),
    severity=severity.learns("hears which devices come and go on the host"),
    falsified_by=weaken.share("net"),
    kind="per-window",
    oracle="receipt",
    distinct="what the kernel sends without being asked, to whoever listens",
)
DEVICE = "/sys/class/mem/null/uevent"


@promise
def test_devices_are_not_heard(box: Box) -> None:
    """A synthetic event that says that /dev/null has changed: with a number of its own, so that nobody takes it so."""
    number = str(uuid.uuid4())
    with box.spawn() as proc:
        ears = [subscribed(one, NETLINK_KOBJECT_UEVENT) for one in (box.outside.proc, proc)]
        try:
            if not ears[0].ok:
                raise Unsupported(f"the host gives no socket to hear its devices with: {ears[0]}")
            told = write(box.outside.proc, DEVICE, f"change {number}".encode())
            if not told.ok:
                raise Unsupported(f"nobody may have the host tell of a device: {told}", cause=unless_root(NOT_ROOT))
            wanted = f"SYNTH_UUID={number}".encode()
            promise.receipt(heard(box.outside.proc, ears[0].value, wanted, 1.0), told)
            promise.tried(ears[1], vain=NO_SOCKET)
            found = ears[1].ok and heard(proc, ears[1].value, wanted, 0.05)
            promise.held("isolated" if ears[1].ok else "refused")
            promise.require(not found, ears[1], told=f"change of {DEVICE}")
        finally:
            box.outside.proc.close(ears[0].value)
