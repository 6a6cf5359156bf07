"""A busy box uses no more processor time than its limit."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.outside.limits import LIMITED, burn

promise = guarantee(
    "cg.cpu.enforced",
    claim="over a window, the host charges the box no more processor time than its quota allows",
    sources=("kernel:admin-guide/cgroup-v2 cpu.max", "kernel:scheduler/sched-bwc"),
    falsified_by=weaken.unlimited("cpu"),
    kind="per-window",
    box=LIMITED,
)
TOLERANCE = 1.5
"""A quota is given out by the 100 ms: one period more than the window has is fair."""


@promise
@given(processes=st.integers(1, 4))
def test_busy_box_keeps_its_quota(box: Box, processes: int) -> None:
    used = burn(box, processes, 0.4)
    quota = float(LIMITED["cpus"])
    promise.require(
        used <= quota * TOLERANCE, f"{processes} busy processes", processors_used=round(used, 3), quota=quota
    )
