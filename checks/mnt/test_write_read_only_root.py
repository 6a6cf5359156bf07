"""A read-only root refuses every kind of change."""

from errno import EACCES, ENOENT, ENOTDIR, EPERM, EXDEV

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT, AT_FDCWD
from pytest_isolation.outside.objects.mounts import on_root
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.rootfs-readonly",
    claim="with a read-only root nothing can be made, changed or removed on it",
    sources=("oci:runtime-spec config root.readonly", "man:mount(2)"),
    severity=severity.surface("writes to a root that was to be read-only"),
    falsified_by=weaken.drop("read-only"),
    box={"read_only": True},
)
HOW = ("file", "dir", "link", "symlink", "mode")
NOT_REACHED = (EACCES, EPERM, ENOENT, ENOTDIR, EXDEV)
"""Refused for another reason, to this user or there: a read-only file system says EROFS."""


@promise
@given(which=st.integers(0, 30), how=st.sampled_from(HOW), name=tokens())
def test_root_refuses_changes(box: Box, which: int, how: str, name: str) -> None:
    places = on_root(box, ("/", *box.directories))
    place = places[which % len(places)]
    path = f"{place.rstrip('/')}/{name}"
    match how:
        case "file":
            reply = box.proc.openat(AT_FDCWD, path, 0o101, 0o600)
        case "dir":
            reply = box.proc.mkdirat(AT_FDCWD, path)
        case "link":
            files = on_root(box, (*box.files, box.parts.agent_path))
            if not files:
                promise.undecided("the root file system has no file to link to")
            reply = box.proc.linkat(AT_FDCWD, files[0], AT_FDCWD, path)
        case "symlink":
            reply = box.proc.symlinkat("/", AT_FDCWD, path)
        case _:
            reply = box.proc.fchmodat(AT_FDCWD, place, mode_of(box, place))
    if reply.ok and how != "mode":
        box.proc.unlinkat(AT_FDCWD, path, AT.REMOVEDIR if how == "dir" else 0)
    promise.tried(reply, vain=NOT_REACHED)
    promise.held("refused")
    promise.require(not reply.ok, reply)


def mode_of(box: Box, path: str) -> int:
    """As it is: to set it again changes nothing."""
    return int.from_bytes(box.proc.statx(AT_FDCWD, path).data[28:30], "little") & 0o7777
