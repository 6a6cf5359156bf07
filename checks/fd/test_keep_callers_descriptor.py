"""What the caller of the launcher has open is not open in the box."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.caller import KINDS, LEFT, Caller, found_open, left_open
from pytest_isolation.strategies import tokens

promise = guarantee(
    "fd.caller-descriptors-closed",
    claim="no directory, file, socket or memory file that whoever starts or enters the box has open is open in the "
    "process started there, under any number below 1024",
    sources=("cve:CVE-2024-21626", "man:execve(2), File descriptors", "man:fcntl(2), FD_CLOEXEC"),
    severity=severity.host("has files open that whoever starts it has open"),
    falsified_by=weaken.drop("close-fds"),
    kind="per-box",
    distinct="what whoever starts the box has open; the other is about what the technology opens and forgets",
)


@promise
@given(kinds=st.dictionaries(st.sampled_from(KINDS), st.integers(3, LEFT), min_size=1), token=tokens())
def test_callers_descriptors_are_closed(box: Box, kinds: dict[str, int], token: str) -> None:
    with left_open(token, kinds) as numbers, box.fresh(awaited=False, caller=Caller(open=numbers)) as fresh:
        found = found_open(fresh.proc, token)
    left = ", ".join(f"{kind}: {number}" for kind, number in zip(kinds, numbers, strict=True))
    promise.require(not found, *found.values(), left_open=left, inside=sorted(found))
