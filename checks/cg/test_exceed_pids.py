"""A box that forks without end stops at its limit, and its neighbours can still fork."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.limits.exercised import LIMITED, crowd, group_of, settled

promise = guarantee(
    "cg.pids.enforced",
    claim="the host never carries more tasks for the box than its limit, and a neighbour can fork meanwhile",
    sources=("kernel:admin-guide/cgroup-v2 pids.max",),
    severity=severity.use("makes more processes than its limit"),
    falsified_by=weaken.unlimited("pids"),
    kind="per-window",
    box=LIMITED,
)


@promise
@given(beyond=st.integers(1, 40))
def test_fork_stops_at_the_limit(box: Box, beyond: int) -> None:
    group, limit = group_of(box), LIMITED["pids"]
    with crowd(box, int(limit) + beyond) as number:
        tasks = group.tasks()
        if box.parts.shares_kernel and number < limit + beyond and tasks < limit:
            promise.undecided("the box is refused processes below its limit")
        with box.sibling.spawn() as neighbour:
            promise.require(neighbour.getpid().ok, "the neighbour's fork")
        promise.require(tasks <= limit, f"{number} processes made inside", tasks_on_host=tasks, limit=limit)
    settled(group, 8)
