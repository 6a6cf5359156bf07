"""The box's process is the user and the group it was to be, and nobody else."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.configured import CONFIGURED, IDENTITY, Configuration
from pytest_isolation.strategies import configurations

promise = guarantee(
    "port.image-config-honoured.identity",
    claim="real, effective and saved ids are the ones asked for, and no further group is left from who started it",
    sources=("oci:image-spec config.md, User", "man:credentials(7)"),
    severity=severity.portability("starts with other ids or groups than asked for"),
    falsified_by=weaken.lossy("identity"),
    kind="per-box",
    inputs="port.image-config-honoured",
)


@promise
@given(wanted=configurations())
def test_identity_arrives(box: Box, wanted: Configuration) -> None:
    wanted = wanted.mapped(box)
    users, groups = CONFIGURED.answer(IDENTITY, box, wanted)
    asked = f"{wanted.uid}:{wanted.gid}"
    promise.require((users, groups) == ({wanted.uid}, {wanted.gid}), asked=asked, users=users, groups=groups)
