"""A disk of the host cannot be read through a device node that the box makes."""

import os
import secrets
import stat
from errno import EACCES, ENOENT, ENOTDIR, EROFS

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.outside.objects.devices import disk_with
from pytest_isolation.strategies import tokens

promise = guarantee(
    "dev.block-unreadable",
    claim="a node made inside with the number of a block device of the host gives nothing of what is on it",
    sources=("man:mknod(2)", "kernel:admin-guide/cgroup-v1/devices", "oci:runtime-spec config-linux devices"),
    severity=severity.host("reads the host's disks by nodes it makes"),
    falsified_by=weaken.drop("devices"),
    kind="per-window",
)


@promise
@given(length=st.integers(16, 64), name=tokens())
def test_disk_is_unreadable(box: Box, length: int, name: str) -> None:
    secret = secrets.token_bytes(length)
    with disk_with(box, secret) as number, box.spawn() as proc:
        # Everywhere: one place may be mounted nodev, and the next not.
        for place in ("/dev", *(("/tmp",) if box.spec.attached else box.writable)):
            path = f"{place}/{name}"
            made = proc.mknodat(AT_FDCWD, path, stat.S_IFBLK | 0o600, number)
            opened = proc.openat(AT_FDCWD, path, os.O_RDONLY) if made.ok else made
            seen = proc.read(opened.value, 4096) if opened.ok else opened
            if opened.ok:
                proc.close(opened.value)
            if made.ok:
                proc.unlinkat(AT_FDCWD, path)
            device = f"{os.major(number)}:{os.minor(number)}"
            promise.tried(made, vain=(ENOENT, ENOTDIR, EROFS, EACCES))
            promise.held("refused")
            promise.require(secret not in seen.data, made, opened, seen, device=device)
