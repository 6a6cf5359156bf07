"""A read-only volume refuses every kind of change."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Volume, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.bind-ro",
    claim="nothing is made, changed or removed from inside in a directory that the box was given read-only",
    sources=("man:mount(2) MS_RDONLY", "oci:runtime-spec config mounts"),
    severity=severity.host("writes in directories it was given read-only"),
    falsified_by=weaken.drop("read-only"),
    box={"volumes": (Volume(target="/volume", read_only=True),)},
    distinct="a directory of the host, where a change outlives the box",
)


@promise
@given(how=st.sampled_from(["create", "dir", "remove", "rename", "mode", "truncate"]), name=tokens())
def test_volume_refuses_changes(box: Box, how: str, name: str) -> None:
    host, inside = box.parts.volumes["/volume"], f"/volume/{name}"
    mark = host / name
    mark.write_bytes(b"before")
    mark.chmod(0o666)
    match how:
        case "create":
            reply = box.proc.openat(AT_FDCWD, f"{inside}.new", 0o101, 0o600)
        case "dir":
            reply = box.proc.mkdirat(AT_FDCWD, f"{inside}.new")
        case "remove":
            reply = box.proc.unlinkat(AT_FDCWD, inside)
        case "rename":
            reply = box.proc.renameat2(AT_FDCWD, inside, AT_FDCWD, f"{inside}.new")
        case "mode":
            reply = box.proc.fchmodat(AT_FDCWD, inside, 0o600)
        case _:
            reply = box.proc.openat(AT_FDCWD, inside, 0o1001)
    found = {path.name: (path.stat().st_mode & 0o777, path.stat().st_size) for path in host.iterdir()}
    for path in host.iterdir():
        path.rmdir() if path.is_dir() else path.unlink()
    promise.tried(reply)
    promise.held("refused")
    promise.require(found == {name: (0o666, 6)}, reply, found=found)
