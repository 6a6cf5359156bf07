"""Every process of the box is under a system call filter."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.boxes.procfs import children_of, status_of

promise = guarantee(
    "sec.filter-in-force",
    claim="every thread of the box's first process and of those it makes runs under a seccomp filter",
    sources=("man:seccomp(2)", "man:proc_pid_status(5), Seccomp", "docker:seccomp security profiles"),
    severity=severity.surface("makes system calls that nothing filters"),
    falsified_by=weaken.drop("seccomp"),
    kind="per-window",
    distinct="that there is a filter; what it refuses is for those that try a call",
)
FILTER = 2
"""Seccomp: of /proc/PID/status: 0 is none, 1 is strict."""


@promise
@given(children=st.integers(0, 2))
def test_threads_are_filtered(box: Box, children: int) -> None:
    pid = box.parts.init_pid
    if pid is None or not box.parts.shares_kernel:
        raise Unsupported("no process of the box is one of its machine's, whose kernel would say what filters it")
    made = [box.spawn() for _ in range(children)]
    try:
        below = children_of(box.outside.path(f"/proc/{pid}"))
        seen = {}
        for one in (pid, *below):
            for thread in box.outside.path(f"/proc/{one}/task").iterdir():
                seen[thread.name] = int(status_of(thread).get("Seccomp", 0))
    finally:
        for proc in made:
            proc.end()
    promise.require(set(seen.values()) == {FILTER}, modes=sorted(set(seen.values())), threads=len(seen))
