"""The box's process is the user and the group it was to be, and nobody else."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.carried import alike, identity, ids_of
from pytest_isolation.strategies import ids

promise = guarantee(
    "port.image-config-honoured.identity",
    claim="real, effective and saved ids are the ones asked for, and no further group is left from who started it",
    sources=("oci:image-spec config.md, User", "man:credentials(7)"),
    severity=severity.portability("starts with other ids or groups than asked for"),
    falsified_by=weaken.lossy("identity"),
    kind="per-box",
)


@promise
@given(uid=ids(), gid=ids())
def test_identity_arrives(box: Box, uid: int, gid: int) -> None:
    uid, gid = ids_of(box, uid, gid)
    with alike(box, uid=uid, gid=gid) as fresh:
        users, groups = identity(fresh.proc)
    promise.require((users, groups) == ({uid}, {gid}), asked=f"{uid}:{gid}", users=users, groups=groups)
