"""No descriptor that the box was started with leads to a directory outside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.fd-escape-blocked",
    claim="no inherited descriptor is a directory from which a file of the host can be opened",
    sources=("cve:CVE-2024-21626", "man:openat(2)"),
    falsified_by=weaken.drop("close-fds"),
)


@promise
@given(fd=st.integers(0, 31), up=st.integers(0, 8), name=tokens())
def test_descriptor_stays_inside(box: Box, fd: int, up: int, name: str) -> None:
    with box.outside.directory() as directory:
        (directory / name).write_bytes(b"")
        told = [box.proc.faccessat(one, f"{'../' * up}{str(directory)[1:]}/{name}", 0) for one in sorted({3, fd})]
        promise.require(not any(reply.ok for reply in told), *told)
