"""A mount made inside does not appear outside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import MNT
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.outside.objects.mounts import place
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.no-leak-out",
    claim="what a process of the box mounts shows in no mount table of the host",
    sources=("man:mount_namespaces(7)",),
    severity=severity.host("adds to the host's mounts"),
    falsified_by=(weaken.drop("propagation"), weaken.grant("SYS_ADMIN")),
    intrusive=True,
)


@promise
@given(below=st.sampled_from(["/mnt", "/tmp"]), which=st.integers(0, 30), token=tokens())
def test_mount_stays_inside(box: Box, below: str, which: int, token: str) -> None:
    with place(box, which, closed=False, below=below) as path:
        reply = box.proc.mount(token, path, "tmpfs", 0, "size=4k")
        try:
            seen = token in text_of(box.outside.path("/proc/self/mountinfo"))
            promise.tried(reply)
            promise.held("isolated" if reply.ok else "refused")
            promise.require(not seen, reply)
        finally:
            if reply.ok:
                box.proc.umount2(path, MNT.DETACH)
