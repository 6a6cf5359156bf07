"""The number of processes this box was asked to be held to is there: in the host's file, and by its account."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.limits.asked import is_as_asked, may_press, need_asked, on_host
from pytest_isolation.outside.limits.exercised import crowd, group_of, settled

promise = guarantee(
    "cg.pids.as-asked",
    claim="the most processes that this box was asked to have are in the host's file of its group, and that bites",
    sources=("kernel:admin-guide/cgroup-v2 pids.max", "oci:runtime-spec config-linux pids"),
    severity=severity.use("is not held to the processes that were asked for"),
    falsified_by=weaken.unlimited("pids"),
    kind="per-window",
    control_box={"pids": 48},
    distinct="the box's own limit, or none; cg.pids.enforced brings one, and tells of the technology",
)


@promise
@given(beyond=st.integers(1, 40))
def test_number_asked_for_is_there(box: Box, beyond: int) -> None:
    asked = need_asked(box, "pids")
    found = on_host(box, "pids")
    promise.require(is_as_asked("pids", asked, found), f"pids={asked:.0f} was asked for", on_host=str(found))
    if not may_press(box, "pids", asked):
        return
    group = group_of(box)
    before = group.tasks()
    with crowd(box, int(asked) + beyond) as number:
        tasks = group.tasks()
        promise.require(tasks <= asked, f"{number} processes made inside", tasks_on_host=tasks, limit=asked)
    settled(group, before)
