"""The memory this box was asked to be held to is there: in the host's file, and by its account."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.limits.asked import is_as_asked, may_press, need_asked, on_host
from pytest_isolation.outside.limits.exercised import end_first, hog, need_memory_account

promise = guarantee(
    "cg.mem.as-asked",
    claim="the most memory that this box was asked to have is in the host's file of its group, and that bites",
    sources=("kernel:admin-guide/cgroup-v2 memory.max", "oci:runtime-spec config-linux memory"),
    severity=severity.use("is not held to the memory that was asked for"),
    falsified_by=weaken.unlimited("memory"),
    kind="per-window",
    control_box={"memory": 64 * MIB},
    distinct="the box's own limit, or none; cg.mem.enforced brings one, and tells of the technology",
)


@promise
@given(beyond=st.integers(8, 64))
def test_memory_asked_for_is_there(box: Box, beyond: int) -> None:
    asked = need_asked(box, "memory")
    found = on_host(box, "memory")
    promise.require(is_as_asked("memory", asked, found), f"memory={asked:.0f} was asked for", on_host=str(found))
    if not may_press(box, "memory", asked):
        return
    group = need_memory_account(box)
    with box.spawn() as proc:
        end_first(proc)
        try:
            touched = hog(proc, int(asked) + beyond * MIB)
        except ProcLost:
            touched = -1  # the kernel ended it
        # Of a box that is not ours the peak may be older than the limit: docker update.
        now = max(group.memory_bytes(), 0 if box.spec.attached else group.memory_peak())
    promise.require(now <= asked, f"{touched} bytes touched inside", on_host=now)
    promise.require(touched < asked, f"{int(asked) + beyond * MIB} bytes asked for, {touched} touched (-1: ended)")
