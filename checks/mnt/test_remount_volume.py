"""A read-only volume cannot be made writable from inside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Volume, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD, CLONE
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.outside.objects.mounts import kept_flags, mounted, private_mounts
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.ro-remount-refused",
    claim="no remount from inside leads to a write in a directory that the box was given read-only",
    sources=("man:mount(2) MS_REMOUNT", "man:mount_setattr(2)", "man:mount_namespaces(7)"),
    severity=severity.host("makes a read-only volume writable"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    box={"volumes": (Volume(target="/volume", read_only=True),)},
    distinct="a mount that is there is changed, none is made",
)
MS_RDONLY, MS_REMOUNT, MS_REMOUNT_BIND, O_CREAT_WRONLY = 1, 32, 32 | 4096, 0o101
WAYS = ("mount", "mount_setattr", "file system")


@promise
@given(how=st.sampled_from(WAYS), userns=st.booleans(), name=tokens())
def test_volume_stays_read_only(box: Box, how: str, userns: bool, name: str) -> None:
    """The file system itself only where it is mounted by a kernel of the box's own: else it may be the host's."""
    if how == "file system" and box.parts.shares_kernel:
        how = "mount"
    made, writable = box.parts.volumes["/volume"] / name, False
    with private_mounts(box, CLONE.NEWUSER if userns else 0) as proc:
        if how == "mount":
            remounted = proc.mount(None, "/volume", None, MS_REMOUNT_BIND | kept_flags(proc, "/volume"))
        elif how == "mount_setattr":
            remounted = proc.mount_setattr(AT_FDCWD, "/volume", 0, clear=1)
        else:
            writable = "rw" in mounted(proc, "/volume").rpartition(" ")[2].split(",")  # the file system's own options
            remounted = proc.mount(None, "/volume", None, MS_REMOUNT)
        written = write(proc, f"/volume/{name}", b"x", O_CREAT_WRONLY)
        if how == "file system" and not writable:
            proc.mount(None, "/volume", None, MS_REMOUNT | MS_RDONLY)
    promise.tried(remounted)
    there = made.exists()
    made.unlink(missing_ok=True)
    promise.held("refused")
    promise.require(not there, remounted, written, file=str(there))
