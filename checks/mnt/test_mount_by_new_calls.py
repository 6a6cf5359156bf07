"""Root in the box cannot mount by the calls that replace mount(2)."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.outside.mounts import mounted, private_mounts
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.new-mount-api-denied",
    claim="fsopen(2), open_tree(2) and move_mount(2) by root in the box add no mount to what it sees",
    sources=("man:fsopen(2)", "man:open_tree(2)", "man:move_mount(2)", "man:capabilities(7) CAP_SYS_ADMIN"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    distinct="a filter that was written before Linux 5.2 knows mount(2) alone",
)
FSCONFIG_CMD_CREATE, OPEN_TREE_CLONE, MOVE_MOUNT_F_EMPTY_PATH = 6, 1, 4


@promise
@given(source=st.sampled_from(["tmpfs", "ramfs", "/etc", "/proc", "/dev"]), name=tokens())
def test_new_calls_mount_nothing(box: Box, source: str, name: str) -> None:
    target = f"{box.scratch}/{name}"
    box.proc.mkdirat(-100, target, 0o700)
    with private_mounts(box) as proc:
        if source.startswith("/"):
            told = [proc.open_tree(-100, source, OPEN_TREE_CLONE)]
        else:
            opened = proc.fsopen(source)
            told = [opened, proc.fsconfig(opened.value, FSCONFIG_CMD_CREATE), proc.fsmount(opened.value)]
        told.append(proc.move_mount(told[-1].value, "", -100, target, MOVE_MOUNT_F_EMPTY_PATH))
        shown = mounted(proc, target)
    box.proc.unlinkat(-100, target, 0x200)
    promise.held("refused")
    promise.require(not shown, *told, mountinfo=shown)
