"""The processor time this box was asked to be held to is there: in the host's file, and by its account."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.limits.asked import is_as_asked, may_press, need_asked, on_host
from pytest_isolation.outside.limits.exercised import burn_against

promise = guarantee(
    "cg.cpu.as-asked",
    claim="the quota of processor time that this box was asked to have is in the host's file of its group, and bites",
    sources=("kernel:admin-guide/cgroup-v2 cpu.max", "oci:runtime-spec config-linux cpu"),
    severity=severity.use("is not held to the processor time that was asked for"),
    falsified_by=weaken.unlimited("cpu"),
    kind="per-window",
    control_box={"cpus": 0.2},
    distinct="the box's own quota, or none; cg.cpu.enforced brings one, and tells of the technology",
)


@promise
@given(more=st.integers(0, 2))
def test_quota_asked_for_is_there(box: Box, more: int) -> None:
    asked = need_asked(box, "cpus")
    found = on_host(box, "cpus")
    promise.require(is_as_asked("cpus", asked, found), f"cpus={asked} was asked for", on_host=str(found))
    if not may_press(box, "cpus", asked):
        return
    processes = ceil(asked) + more
    charged, allowed, window = burn_against(box, asked, processes)
    promise.require(
        charged <= allowed,
        f"{processes} busy processes",
        processor_seconds=round(charged, 3),
        allowed=round(allowed, 3),
        window_s=round(window, 3),
    )
