"""Root in the box cannot mount by the calls that replace mount(2)."""

import errno

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT, AT_FDCWD, MOVE_MOUNT, OPEN_TREE
from pytest_isolation.outside.objects.mounts import target

promise = guarantee(
    "mnt.new-mount-api-denied",
    claim="fsopen(2), open_tree(2), open_tree_attr(2) and move_mount(2) by root in the box add no mount to what it "
    "sees",
    sources=(
        "man:fsopen(2)",
        "man:open_tree(2)",
        "man:open_tree_attr(2)",
        "man:move_mount(2)",
        "man:capabilities(7) CAP_SYS_ADMIN",
    ),
    severity=severity.surface("mounts by calls that a filter forgot"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    distinct="a filter that was written before Linux 5.2 knows mount(2) alone",
)
FSCONFIG_CMD_CREATE = 6


@promise
@given(source=st.sampled_from(["tmpfs", "ramfs", "/", "another"]), which=st.integers(0, 30), newest=st.booleans())
def test_new_calls_mount_nothing(box: Box, source: str, which: int, newest: bool) -> None:
    if newest and box.outside.proc.open_tree_attr(-1, "", 0).errno == errno.ENOSYS:
        promise.remark("open_tree_attr(2) is not tried: the kernel, before Linux 6.15, has no such call")
        newest = False
    with target(box, which) as at:
        if source in ("/", "another"):
            path = box.directories[which // 2 % len(box.directories)] if box.directories and source != "/" else "/"
            how = OPEN_TREE.CLONE | AT.RECURSIVE
            told = [(at.proc.open_tree_attr if newest else at.proc.open_tree)(AT_FDCWD, path, how)]
        else:
            opened = at.proc.fsopen(source)
            told = [opened, at.proc.fsconfig(opened.value, FSCONFIG_CMD_CREATE), at.proc.fsmount(opened.value)]
        told.append(at.proc.move_mount(told[-1].value, "", AT_FDCWD, at.path, MOVE_MOUNT.F_EMPTY_PATH))
        # The first that was refused is the refusal: those after it had nothing to act on.
        promise.tried(next((reply for reply in told if not reply.ok), told[-1]))
        promise.held("refused")
        promise.require(not (shown := at.shown()), *told, mountinfo=shown)
