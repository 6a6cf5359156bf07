"""A box that takes memory without end is stopped at its limit."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.limits.exercised import LIMITED, hog, memory_ceiling, need_memory_account, refused_early

promise = guarantee(
    "cg.mem.enforced",
    claim="the host is never charged more memory for the box than its limit",
    sources=("kernel:admin-guide/cgroup-v2 memory.max",),
    severity=severity.use("takes more memory than its limit"),
    falsified_by=weaken.unlimited("memory"),
    kind="per-window",
    box=LIMITED,
)


@promise
@given(beyond=st.integers(8, 64))
def test_memory_stops_at_the_limit(box: Box, beyond: int) -> None:
    group = need_memory_account(box)
    with box.spawn() as proc:
        try:
            touched = hog(proc, int(LIMITED["memory"]) + beyond * MIB)
        except ProcLost:
            touched = -1  # the kernel ended it
        now = group.memory_bytes()
        peak = max(now, group.memory_peak())
        if refused_early(group, int(LIMITED["memory"]), touched):
            promise.undecided("the box is refused memory far below its limit")
        promise.require(peak <= memory_ceiling(box), f"{touched} bytes touched inside", peak_on_host=peak)
