"""A busy box uses no more processor time than its limit."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.outside.limits import burn

QUOTA = 0.2
"""Of one processor: so little that a box without the limit passes it on a busy machine as well."""
PERIOD_S, SLICE_S = 0.1, 0.01
"""The quota is given out anew by the period, to each processor a slice at a time; a slice outlives its period."""

promise = guarantee(
    "cg.cpu.enforced",
    claim="over a window, the host charges the box no more processor time than its quota allows",
    sources=("kernel:admin-guide/cgroup-v2 cpu.max", "kernel:scheduler/sched-bwc"),
    falsified_by=weaken.unlimited("cpu"),
    kind="per-window",
    box={"cpus": QUOTA},
)


@promise
@given(processes=st.integers(1, 4))
def test_busy_box_keeps_its_quota(box: Box, processes: int) -> None:
    for seconds in (1.0, 4.0):
        charged, window = burn(box, processes, seconds)
        # What a window can hold at most: it touches one period more than it is long.
        allowed = QUOTA * (window + PERIOD_S) + SLICE_S * (os.cpu_count() or 1)
        # What runs past a slice because the clock's tick was late (in a VM it may be) is taken off the next periods:
        # over a longer window it is no more.  Twice as much is no tick's lateness.
        if charged <= allowed or charged > 2 * allowed:
            break
    promise.require(
        charged <= allowed,
        f"{processes} busy processes",
        processor_seconds=round(charged, 3),
        allowed=round(allowed, 3),
        window_s=round(window, 3),
    )
