"""The box cannot make a control group of its own in the host's tree."""

from hypothesis import given

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.boxes.cgroups import hierarchies, tree
from pytest_isolation.outside.limits import group_of
from pytest_isolation.strategies import tokens

promise = guarantee(
    "cg.fs-readonly",
    claim="no mkdir(2) from inside makes a control group on the host",
    sources=("man:cgroups(7)", "oci:runtime-spec config-linux cgroup mount"),
    falsified_by=(weaken.drop("cgroup-ro"),),
    distinct="a tree may be writable in its directories and not in its limit files: that is what delegation is",
)


@promise
@given(name=tokens())
def test_no_group_can_be_made(box: Box, name: str) -> None:
    group_of(box)
    told, made = [], []
    for place in ("/sys/fs/cgroup", *(f"/sys/fs/cgroup/{controller}" for controller in sorted(hierarchies()))):
        reply = box.proc.mkdirat(-100, f"{place}/{name}", 0o755)
        told.append(reply)
        if reply.ok:
            # On the host, whose control group trees hold nothing but groups.
            made += [str(root) for root in hierarchies().values() for group in tree(root) if group.name == name]
            box.proc.unlinkat(-100, f"{place}/{name}", 0x200)
    promise.require(not made, *told, made_on_host=str(made))
