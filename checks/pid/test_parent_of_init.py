"""The first process of the box has no parent that the box could name."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD

promise = guarantee(
    "pid.ppid-zero",
    claim="getppid(2) of the box's first process is 0: its parent is outside and has no number inside",
    sources=("man:pid_namespaces(7)", "man:getppid(2)"),
    severity=severity.learns("learns the number of its parent on the host"),
    falsified_by=weaken.share("pid"),
    distinct="the one host process a box could know by heritage: a parent's number may show where no other does",
)


@promise
@given(ask=st.sampled_from(["getppid", "stat"]))
def test_init_has_no_parent(box: Box, ask: str) -> None:
    if ask == "getppid":
        reply = box.init.getppid()
        promise.require(reply.value == 0, reply)
    else:
        fd = promise.prepared(box.init.openat(AT_FDCWD, "/proc/self/stat", 0), "a /proc to read it from")
        text = box.init.read(fd.value, 4096)
        box.init.close(fd.value)
        parent = int(text.data.rpartition(b")")[2].split()[1])
        promise.require(parent == 0, text, parent_in_stat=parent)
