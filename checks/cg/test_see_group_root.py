"""In its own view the box is at the root of every control group hierarchy."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read

promise = guarantee(
    "cg.ns-root",
    claim="every line of /proc/self/cgroup ends in :/ for a process of the box",
    sources=("man:cgroup_namespaces(7)",),
    severity=severity.learns("learns where its control group is on the host"),
    falsified_by=weaken.share("cgroup"),
    distinct="a path may be hidden and still not be the root: a sibling's would show as /../name",
)


@promise
@given(generations=st.integers(0, 3))
def test_group_root_is_the_box(box: Box, generations: int) -> None:
    procs = [box.proc]
    try:
        for _ in range(generations):
            procs.append(procs[-1].spawn())
        reply = read(procs[-1], "/proc/self/cgroup")
    finally:
        for proc in reversed(procs[1:]):
            proc.end()
    if not reply.ok:
        raise Unsupported("the box has no /proc/self/cgroup")
    if not reply.data:
        raise Unsupported("the box's kernel lists no control group")
    paths = [line.split(b":", 2)[2] for line in reply.data.splitlines()]
    others = [path for path in paths if path != b"/"]
    promise.require(not others, reply, paths=str(others[:6]))
