"""What a box writes to its root, another box from the same image never sees."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.strategies import payloads, tokens

promise = guarantee(
    "mnt.writes-not-shared",
    claim="files a box makes in its root exist in no other box",
    sources=("docker:storage drivers", "man:mount_namespaces(7)"),
    falsified_by=weaken.drop("private-root"),
)


@promise
@given(place=st.sampled_from(["/var", "/home", "/srv"]), name=tokens(), data=payloads())
def test_writes_are_not_shared(box: Box, place: str, name: str, data: bytes) -> None:
    path = f"{place}/{name}"
    box.write_file(path, data)
    try:
        reply = read(box.sibling.proc, path)
        promise.require(not reply.ok, reply)
    finally:
        box.proc.unlinkat(-100, path)
