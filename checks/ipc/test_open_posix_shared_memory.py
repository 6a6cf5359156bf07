"""A POSIX shared memory object of the host cannot be opened from inside."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.strategies import tokens

promise = guarantee(
    "ipc.posix-shm-isolated",
    claim="no file of the host's /dev/shm, where shm_open(3) makes its objects, can be opened in the box, by any path",
    sources=("man:shm_overview(7)", "docker:run --ipc"),
    severity=severity.host("opens the host's memory files in /dev/shm"),
    falsified_by=(weaken.share("ipc"), weaken.expose("/dev")),
    kind="per-window",
    distinct="a mount, not a namespace: a box can have either without the other",
)


@promise
@given(flags=st.sampled_from([os.O_RDONLY, os.O_RDWR]), token=tokens())
def test_object_does_not_open(box: Box, flags: int, token: str) -> None:
    with box.outside.directory("/dev/shm") as directory:
        theirs = directory / token
        theirs.write_text(token, encoding="utf-8")
        theirs.chmod(0o666)
        for path in dict.fromkeys([f"/dev/shm/{directory.name}/{token}", *box.outside.roads(theirs)]):
            opened = box.proc.openat(AT_FDCWD, path, flags | os.O_CLOEXEC)
            if opened.ok:
                box.proc.close(opened.value)
            promise.require(not opened.ok, opened, object=token, at=path)
