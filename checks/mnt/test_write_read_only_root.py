"""A read-only root refuses every kind of change."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.rootfs-readonly",
    claim="with a read-only root nothing can be made, changed or removed on it",
    sources=("oci:runtime-spec config root.readonly", "man:mount(2)"),
    falsified_by=weaken.drop("read-only"),
    box={"read_only": True},
)
PLACES = ("/", "/etc/", "/var/", "/home/", "/srv/")


@promise
@given(place=st.sampled_from(PLACES), how=st.sampled_from(["file", "dir", "link", "symlink", "mode"]), name=tokens())
def test_root_refuses_changes(box: Box, place: str, how: str, name: str) -> None:
    path = f"{place}{name}"
    match how:
        case "file":
            reply = box.proc.openat(-100, path, 0o101, 0o600)
        case "dir":
            reply = box.proc.mkdirat(-100, path)
        case "link":
            reply = box.proc.linkat(-100, "/etc/passwd", -100, path)
        case "symlink":
            reply = box.proc.symlinkat("/", -100, path)
        case _:
            reply = box.proc.fchmodat(-100, "/etc/hostname", 0o644)
    if reply.ok and how != "mode":
        box.proc.unlinkat(-100, path, 0x200 if how == "dir" else 0)
    promise.require(not reply.ok, reply)
