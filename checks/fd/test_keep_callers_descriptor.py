"""What the caller of the launcher has open is not open in the box."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.called import CALLED, LEADING, Belongings
from pytest_isolation.strategies import belongings

promise = guarantee(
    "fd.caller-descriptors-closed",
    claim="no directory, file, socket or memory file that whoever starts or enters the box has open is open in the "
    "process started there, under any number below 1024",
    sources=("cve:CVE-2024-21626", "man:execve(2), File descriptors", "man:fcntl(2), FD_CLOEXEC"),
    severity=severity.host("has files open that whoever starts it has open"),
    falsified_by=weaken.drop("close-fds"),
    kind="per-box",
    inputs="called",
    distinct="what whoever starts the box has open; the other is about what the technology opens and forgets",
)


@promise
@given(callers=belongings())
def test_callers_descriptors_are_closed(box: Box, callers: Belongings) -> None:
    left, found = CALLED.answer(LEADING, box, callers)
    promise.require(not found, *found.values(), left_open=left, inside=sorted(found))
