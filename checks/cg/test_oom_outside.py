"""A box that runs out of memory is ended inside itself: its own hog dies, or is refused, and nobody else."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.limits.exercised import LIMITED, hog, need_memory_account, refused_early

promise = guarantee(
    "cg.mem.oom-contained",
    claim="a process that takes more than the box's memory is ended or refused, and everybody outside lives on",
    sources=("kernel:admin-guide/cgroup-v2 memory.events",),
    severity=severity.neighbour("has processes outside ended for its memory"),
    falsified_by=weaken.unlimited("memory"),
    kind="per-window",
    box=LIMITED,
    distinct="the limit may hold for the sum while the wrong process pays for it",
)


@promise
@given(beyond=st.integers(16, 64))
def test_out_of_memory_stays_inside(box: Box, beyond: int) -> None:
    group = need_memory_account(box)
    asked = int(LIMITED["memory"]) + beyond * MIB
    neighbour = box.sibling
    with box.outside.canary() as canary, box.spawn() as proc:
        try:
            touched = hog(proc, asked)
        except ProcLost:
            touched = -1
        if refused_early(group, int(LIMITED["memory"]), touched):
            promise.undecided("the box is refused memory far below its limit")
        promise.require(touched < asked, f"{asked} bytes asked for, {touched} touched (-1: ended)")
        promise.require(canary.alive, "the host's canary was ended")
        promise.require(neighbour.alive, "the neighbour was ended")
        promise.require(box.alive, "the box itself was ended, not the process that took the memory")
