"""Root in the box cannot mount."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.objects.mounts import MS_REC_BIND, target

promise = guarantee(
    "mnt.mount-denied",
    claim="mount(2) by root in the box adds no mount to what it sees",
    sources=("man:mount(2)", "man:capabilities(7) CAP_SYS_ADMIN"),
    severity=severity.surface("mounts file systems in itself"),
    falsified_by=weaken.grant("SYS_ADMIN"),
    intrusive=True,
)


@promise
@given(kind=st.sampled_from(["tmpfs", "ramfs", "bind"]), which=st.integers(0, 30))
def test_mount_is_refused(box: Box, kind: str, which: int) -> None:
    with target(box, which) as at:
        reply = at.proc.mount("/", at.path, None, MS_REC_BIND) if kind == "bind" else at.proc.mount(kind, at.path, kind)
        promise.tried(reply)
        promise.held("refused")
        promise.require(not (shown := at.shown()), reply, mountinfo=shown)
