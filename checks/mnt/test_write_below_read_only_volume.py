"""A read-only volume is read-only in the mounts below it, too."""

import os

from hypothesis import given

from pytest_isolation import Box, Unsupported, Volume, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.strategies import payloads, tokens

promise = guarantee(
    "mnt.bind-rro-recursive",
    claim="no write from inside arrives in a file system mounted below a directory the box was given read-only",
    sources=("man:mount_setattr(2) AT_RECURSIVE", "docker:bind mounts, recursive mounts"),
    severity=severity.host("writes to mounts below a directory given read-only"),
    falsified_by=weaken.drop("read-only"),
    box={"volumes": (Volume(target="/volume", read_only=True, nested=True),)},
    distinct="the flag is of each mount: one that was set on the top leaves those below writable",
)


@promise
@given(name=tokens(), data=payloads())
def test_nested_mount_refuses_writes(box: Box, name: str, data: bytes) -> None:
    if box.parts.init_pid is not None:
        outside = box.outside.path(f"/proc/{box.parts.init_pid}/root/volume/nested", name)
    elif "/volume" in box.parts.volumes:  # of a machine: what it is handed is the host's own tree
        outside = box.outside.path(box.parts.volumes["/volume"] / "nested", name)
    else:
        raise Unsupported("the host cannot see the box's files")
    reply = write(box.proc, f"/volume/nested/{name}", data, os.O_CREAT | os.O_WRONLY)
    arrived = outside.exists()
    box.proc.unlinkat(AT_FDCWD, f"/volume/nested/{name}")
    promise.tried(reply)
    promise.held("refused")
    promise.require(not arrived, reply, file=str(arrived))
