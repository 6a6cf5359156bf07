"""No process of the box can leave the box's control group."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.shortcuts import write
from pytest_isolation.boxes.cgroups import hierarchies
from pytest_isolation.outside.limits import LIMITED, group_of

promise = guarantee(
    "cg.cannot-leave",
    claim="writing a pid to any cgroup.procs the box can name leaves every process of the box in the box's group",
    sources=("man:cgroups(7)", "cve:CVE-2021-4197"),
    falsified_by=(weaken.expose("/sys/fs/cgroup"), weaken.share("cgroup")),
    box=LIMITED,
)
FILES = ("cgroup.procs", "tasks")


@promise
@given(
    controller=st.sampled_from(sorted(hierarchies()) or ["unified"]), up=st.integers(0, 3), file=st.sampled_from(FILES)
)
def test_process_stays_in_its_group(box: Box, controller: str, up: int, file: str) -> None:
    group = group_of(box)
    places = {f"/sys/fs/cgroup/{controller}", "/sys/fs/cgroup"}
    with box.spawn() as proc:
        before = group.memberships()
        told = []
        for place in sorted(places):
            told.append(write(proc, f"{place}/{'../' * up}{file}", b"0"))
        left = before - group.memberships()
        promise.require(not left, *told, left_the_group=sorted(left))
