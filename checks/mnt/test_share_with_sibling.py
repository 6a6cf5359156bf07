"""What a box writes to its root, another box from the same image never sees."""

import errno
import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.errors import NOT_ROOT, unless_root
from pytest_isolation.outside.mounts import on_root
from pytest_isolation.strategies import payloads, tokens

promise = guarantee(
    "mnt.writes-not-shared",
    claim="files a box makes in its root exist in no other box",
    sources=("docker:storage drivers", "man:mount_namespaces(7)"),
    severity=severity.neighbour("shares files of its root with another box"),
    falsified_by=weaken.drop("private-root"),
    intrusive=True,
)

PLACES = ("/var", "/home", "/srv")
"""First; an image may have none of them, a launcher may make them read-only: then others stand in."""


@promise
@given(place=st.sampled_from(PLACES), name=tokens(), data=payloads())
def test_writes_are_not_shared(box: Box, place: str, name: str, data: bytes) -> None:
    for below in (place, *PLACES, *on_root(box, box.writable)):
        path = f"{below}/{name}"
        made = box.proc.openat(-100, path, 0o301, 0o644)
        if made.ok:
            break
    if not made.ok:
        made = box.proc.openat(-100, f"/{name}", 0o301, 0o644)
        raise Unsupported(
            f"no place of the box's root takes a file: {os.strerror(made.errno)}",
            cause=unless_root(NOT_ROOT) if made.errno == errno.EACCES else None,
        )
    box.proc.close(made.value)
    try:
        box.write_file(path, data)
        reply = read(box.sibling.proc, path)
        promise.require(not reply.ok, reply)
    finally:
        box.proc.unlinkat(-100, path)
