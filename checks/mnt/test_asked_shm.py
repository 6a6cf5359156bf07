"""The shared memory of this box has the size that it was asked to have."""

import os

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.boxes import resources
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import ProcLost
from pytest_isolation.outside.limits.asked_resources import is_as_asked, need_asked, on_host
from pytest_isolation.outside.limits.exercised import end_first

promise = guarantee(
    "mnt.shm-size-as-asked",
    claim="/dev/shm takes as many bytes as the box was asked to have there, by the host's table of its mounts",
    sources=("man:tmpfs(5) size", "man:shm_overview(7)"),
    severity=severity.use("has more shared memory than was asked for"),
    falsified_by=weaken.unlimited("shm"),
    kind="per-window",
    control_box={"resources": {resources.SHM: str(8 * MIB)}},
    distinct="of a mount, not of the control group",
)
MOST = 32 * MIB
"""A size up to this is tried: that what is beyond has no room."""
PAGE = 64 * 1024


@promise
@given(beyond=st.integers(PAGE, 16 * MIB))
def test_size_asked_for_is_there(box: Box, beyond: int) -> None:
    asked = need_asked(box, resources.SHM)
    found = on_host(box, resources.SHM)
    promise.require(is_as_asked(box, resources.SHM, asked, found), f"{asked} bytes were asked for", on_host=str(found))
    if int(asked) > MOST or (box.spec.attached and not box.spec.intrusive):
        return
    with box.spawn() as proc:
        end_first(proc)
        fd = proc.openat(AT_FDCWD, "/dev/shm", os.O_TMPFILE | os.O_WRONLY, 0o600)
        if not fd.ok:
            return  # nobody here writes there
        try:
            reply = proc.fallocate(fd.value, 0, 0, int(asked) + beyond)
        except ProcLost:
            return  # the limit on memory came first
    promise.require(not reply.ok, reply, bytes_asked_for=asked)
