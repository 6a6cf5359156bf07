"""A mount made inside does not appear outside."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, weaken
from pytest_isolation.strategies import tokens

promise = guarantee(
    "mnt.no-leak-out",
    claim="what a process of the box mounts shows in no mount table of the host",
    sources=("man:mount_namespaces(7)",),
    falsified_by=(weaken.drop("propagation"), weaken.grant("SYS_ADMIN")),
    intrusive=True,
)


@promise
@given(place=st.sampled_from(["/mnt", "/tmp"]), token=tokens())
def test_mount_stays_inside(box: Box, place: str, token: str) -> None:
    target = f"{place}/{token}"
    box.proc.mkdirat(-100, target, 0o700)
    reply = box.proc.mount(token, target, "tmpfs", 0, "size=4k")
    try:
        seen = token in box.outside.path("/proc/self/mountinfo").read_text()
        promise.held("isolated" if reply.ok else "refused")
        promise.require(not seen, reply)
    finally:
        if reply.ok:
            box.proc.umount2(target)
        box.proc.unlinkat(-100, target, 0x200)
