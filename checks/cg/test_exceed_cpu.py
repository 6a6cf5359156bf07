"""A busy box uses no more processor time than its limit."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.limits.exercised import burn_against

QUOTA = 0.2
"""Of one processor: so little that a box without the limit passes it on a busy machine as well."""

promise = guarantee(
    "cg.cpu.enforced",
    claim="over a window, the host charges the box no more processor time than its quota allows",
    sources=("kernel:admin-guide/cgroup-v2 cpu.max", "kernel:scheduler/sched-bwc"),
    severity=severity.use("takes more processor time than its limit"),
    falsified_by=weaken.unlimited("cpu"),
    kind="per-window",
    box={"cpus": QUOTA},
)


@promise
@given(processes=st.integers(1, 4))
def test_busy_box_keeps_its_quota(box: Box, processes: int) -> None:
    charged, allowed, window = burn_against(box, QUOTA, processes)
    if charged < QUOTA * window / 8:
        promise.undecided("the box's processes did not keep a processor busy")
    promise.require(
        charged <= allowed,
        f"{processes} busy processes",
        processor_seconds=round(charged, 3),
        allowed=round(allowed, 3),
        window_s=round(window, 3),
    )
