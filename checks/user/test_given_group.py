"""The box was handed no further group, whatever its user reaches by it."""

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.outside.start.handed_in import further_groups

promise = guarantee(
    "user.group-not-given",
    claim="the first process of the box is, for its machine, in no group but its own and those that the box's own "
    "/etc/group gives its user",
    sources=("man:credentials(7) supplementary group IDs", "man:proc_pid_status(5) Groups"),
    severity=severity.surface("was handed a group of its machine's"),
    falsified_by=weaken.hand_in("group"),
    kind="per-box",
    needs_root=True,
)


@promise
def test_no_group_was_given(box: Box) -> None:
    pid = box.parts.init_pid
    if pid is None or not box.parts.shares_kernel:
        raise Unsupported("no process of the box is one of its machine's, and so none is in a group there")
    further = further_groups(box, pid)
    promise.held("absent")
    promise.require(not further, groups=", ".join(map(str, sorted(further))))
