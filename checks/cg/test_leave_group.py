"""No process of the box can leave the box's control group."""

from collections.abc import Iterator

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Proc, Program, Reply
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.cgroups import Group, memberships
from pytest_isolation.outside.limits.exercised import LIMITED, group_of
from pytest_isolation.outside.shared.groups import Tree, trees

promise = guarantee(
    "cg.cannot-leave",
    claim="writing a pid to any cgroup.procs the box can name leaves every process of the box in the box's group",
    sources=("man:cgroups(7)", "cve:CVE-2021-4197"),
    severity=severity.use("moves its processes out of its limits"),
    falsified_by=(weaken.expose("/sys/fs/cgroup"), weaken.share("cgroup")),
    box=LIMITED,
)
FILES = ("cgroup.procs", "tasks")
UP = 4


def own_paths(proc: Proc) -> list[str]:
    """As proc_pid_cgroup(5) has them for the box: "" for the root."""
    told = memberships(read(proc, "/proc/self/cgroup").data.decode("utf-8", "surrogateescape"))
    return sorted({path.rstrip("/") for _, path in told})


def others(tree: Tree, group: Group, paths: list[str]) -> Iterator[tuple[str, bool]]:
    """Groups of `tree` that are not the box's, by their paths in the box, and whether they are still to be made.

    Those above, and a new one beside the box's own, which is all that a user's delegated tree has room for.
    """
    yield from ((f"{tree.target}{'/..' * up}", False) for up in range(UP))
    own = tree.own(group)
    for place in [own] if own is not None else [f"{tree.target}{path}" for path in paths]:
        yield from ((f"{place}{'/..' * up}", False) for up in range(1, UP))
        yield f"{place}/../beside", True


def move(proc: Proc, place: str, new: bool) -> list[Reply]:
    program = Program()
    steps = [program.mkdirat(AT_FDCWD, place, 0o755)] if new else []
    for file in FILES:
        fd = program.openat(AT_FDCWD, f"{place}/{file}", 1)
        steps += [fd, program.write(fd, b"0")]
        program.close(fd)
    replies = proc.run(program)
    return [replies[step] for step in steps]


@promise
def test_process_stays_in_its_group(box: Box) -> None:
    """For each group that the box can name in each tree it has: a finite list, and all of it is tried."""
    group = group_of(box)
    paths = own_paths(box.proc)
    places = dict(place for tree in trees(box) for place in others(tree, group, paths))
    made = []
    try:
        with box.spawn() as proc:
            before = group.memberships()
            for place, new in places.items():
                told = move(proc, place, new)
                made += [place] if new and told[0].ok else []
                left = before - group.memberships() if any(reply.ok for reply in told[new:]) else set()
                promise.require(not left, *told, left_the_group=sorted(left))
    finally:
        for place in made:
            box.proc.unlinkat(AT_FDCWD, place, AT.REMOVEDIR)
