"""What a box writes to its root, another box from the same image never sees."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.outside.objects.mounts import PLACES, place_in_root
from pytest_isolation.strategies import payloads, tokens

promise = guarantee(
    "mnt.writes-not-shared",
    claim="files a box makes in its root exist in no other box",
    sources=("docker:storage drivers", "man:mount_namespaces(7)"),
    severity=severity.neighbour("shares files of its root with another box"),
    falsified_by=weaken.drop("private-root"),
    intrusive=True,
)


@promise
@given(place=st.sampled_from(PLACES), name=tokens(), data=payloads())
def test_writes_are_not_shared(box: Box, place: str, name: str, data: bytes) -> None:
    path = place_in_root(box, name, (place, *PLACES))
    try:
        box.write_file(path, data)
        reply = read(box.sibling.proc, path)
        promise.require(not reply.ok, reply)
    finally:
        box.proc.unlinkat(AT_FDCWD, path)
