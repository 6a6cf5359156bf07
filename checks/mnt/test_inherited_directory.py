"""No descriptor that the technology leaves open leads to a directory outside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.fd-escape-blocked",
    claim="no descriptor below 50 that the technology has left open is a directory from which a file of the host can "
    "be opened",
    sources=("cve:CVE-2024-21626", "man:openat(2)"),
    severity=severity.host("opens files of the host by a leaked directory"),
    falsified_by=weaken.drop("close-fds"),
)
NUMBERS = range(50)


@promise
@given(up=st.integers(0, 8), name=tokens())
def test_descriptor_stays_inside(box: Box, up: int, name: str) -> None:
    with box.outside.directory() as directory:
        (directory / name).write_bytes(b"")
        program = Program()
        asked = [program.faccessat(fd, f"{'../' * up}{str(directory)[1:]}/{name}", 0) for fd in NUMBERS]
        replies = box.proc.run(program)
        found = [replies[one] for one in asked if replies[one].ok]
        promise.require(not found, *found)
