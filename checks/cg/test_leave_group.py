"""No process of the box can leave the box's control group."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.agent.client import Proc
from pytest_isolation.agent.shortcuts import AT_FDCWD, AT_REMOVEDIR, read, write
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


def own_path(proc: Proc, controller: str) -> str:
    """As proc_pid_cgroup(5) has it for the box: "" for the root."""
    lines = [line.split(":", 2) for line in read(proc, "/proc/self/cgroup").data.decode().splitlines()]
    found = [path for _, names, path in lines if controller in (names or "unified").split(",")]
    return found[0].rstrip("/") if found else ""


@promise
@given(
    controller=st.sampled_from(sorted(hierarchies()) or ["unified"]),
    up=st.integers(0, 3),
    file=st.sampled_from(FILES),
    new=st.booleans(),
)
def test_process_stays_in_its_group(box: Box, controller: str, up: int, file: str, new: bool) -> None:
    """For a group above, or for a new one beside its own, which is all that a user's delegated tree has room for."""
    group = group_of(box)
    within = f"{own_path(box.proc, controller)}/../beside" if new else "/.." * up
    places = [f"{tree}{within}" for tree in ("/sys/fs/cgroup", f"/sys/fs/cgroup/{controller}")]
    try:
        with box.spawn() as proc:
            before = group.memberships()
            told = []
            for place in places:
                told += [proc.mkdirat(AT_FDCWD, place, 0o755)] if new else []
                told.append(write(proc, f"{place}/{file}", b"0"))
            left = before - group.memberships()
            promise.require(not left, *told, left_the_group=sorted(left))
    finally:
        for place in places if new else ():
            box.proc.unlinkat(AT_FDCWD, place, AT_REMOVEDIR)
