"""The box cannot make a control group of its own in the host's tree."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.client import Program
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.boxes.cgroups import hierarchies
from pytest_isolation.outside.limits.exercised import group_of
from pytest_isolation.outside.shared.groups import trees
from pytest_isolation.strategies import tokens

promise = guarantee(
    "cg.fs-readonly",
    claim="no mkdir(2) from inside makes a control group on the host",
    sources=("man:cgroups(7)", "oci:runtime-spec config-linux cgroup mount"),
    severity=severity.use("makes control groups on the host"),
    falsified_by=(weaken.drop("cgroup-ro"),),
    distinct="a tree may be writable in its directories and not in its limit files: that is what delegation is",
)


@promise
@given(name=tokens())
def test_no_group_can_be_made(box: Box, name: str) -> None:
    """In every tree that the box has, under any name, in each example."""
    group = group_of(box)
    found = trees(box)
    places = list(dict.fromkeys(place for tree in found for place in (tree.target, tree.own(group)) if place))
    program = Program()
    for place in places:
        program.mkdirat(AT_FDCWD, f"{place}/{name}", 0o755)
    told = list(box.proc.run(program))
    # On the host: what a box has mounted is its own group's tree, or that of a group above it.
    above = {
        *hierarchies(box.parts.host).values(),
        *(box.outside.path(tree.host) for tree in found if tree.host),
        *(up for place in group.places.values() for up in (place, *place.parents)),
    }
    made = [str(place / name) for place in above if (place / name / "cgroup.procs").exists()]
    for place, reply in zip(places, told, strict=True):
        if reply.ok:
            box.proc.unlinkat(AT_FDCWD, f"{place}/{name}", AT.REMOVEDIR)
    promise.require(not made, *(reply for reply in told if reply.ok), made_on_host=str(sorted(made)))
