"""The box does not learn which control group of the host it is in."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.outside.limits.exercised import group_of

promise = guarantee(
    "cg.path-not-host",
    claim="/proc/PID/cgroup shows the box's groups as the root, never their path on the host",
    sources=("man:cgroup_namespaces(7)",),
    severity=severity.learns("reads its control group's path on the host"),
    falsified_by=weaken.share("cgroup"),
)


@promise
@given(whose=st.sampled_from(["self", "thread-self", "1"]), child=st.booleans())
def test_path_of_the_group_is_hidden(box: Box, whose: str, child: bool) -> None:
    group = group_of(box)
    name = next(iter(group.places.values())).name
    proc = box.spawn() if child else box.proc
    try:
        reply = read(proc, f"/proc/{whose}/cgroup")
    finally:
        if child:
            proc.end()
    promise.prepared(reply, f"/proc/{whose}/cgroup to read")
    if not reply.data:
        promise.undecided("the box's kernel lists no control group")
    promise.require(name.encode() not in reply.data, reply, group_on_host=name)
