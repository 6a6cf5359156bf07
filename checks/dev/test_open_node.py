"""A disk of the host cannot be read through a device node that is in the box already."""

import os
import secrets
from errno import ENOENT

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.outside.objects.devices import block_nodes, disk_node

promise = guarantee(
    "dev.nodes-closed",
    claim="no block device of the host can be read through a node that the box has, in /dev or elsewhere",
    sources=("oci:runtime-spec config-linux default-devices", "kernel:admin-guide/cgroup-v1/devices"),
    severity=severity.host("reads the host's disks by nodes that it has"),
    falsified_by=(weaken.expose("/dev"), weaken.drop("devices")),
    kind="per-window",
    distinct="a node that was handed in needs no mknod(2) and no capability",
)


@promise
@given(length=st.integers(16, 64))
def test_no_node_reads_a_disk(box: Box, length: int) -> None:
    # One of ours is among the host's, so that a machine without disks has something to hide.
    with disk_node(box, secrets.token_bytes(length)) as node, box.spawn() as proc:
        # By its name too: a directory that cannot be listed may have it all the same.
        tried = [_read(proc, path) for path in dict.fromkeys([node, *block_nodes(box)])]
        read = [reply for reply in tried if reply.ok and reply.data]
        promise.held("absent" if all(reply.errno == ENOENT for reply in tried) else "refused")
        promise.require(not read, *(read or tried)[:4])


def _read(proc: Proc, path: str) -> Reply:
    program = Program()
    fd = program.openat(AT_FDCWD, path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    data = program.read(fd, 512)
    program.close(fd)
    replies = proc.run(program)
    return replies[data] if replies[fd].ok else replies[fd]
