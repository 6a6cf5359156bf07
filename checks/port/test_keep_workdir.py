"""The box starts in the directory it was to start in."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.configured import CONFIGURED, WORKDIR, Configuration
from pytest_isolation.strategies import configurations

promise = guarantee(
    "port.image-config-honoured.workdir",
    claim="the first process starts in the working directory asked for, whatever its name is",
    sources=("oci:image-spec config.md, WorkingDir", "man:getcwd(3)"),
    severity=severity.portability("starts in another directory than asked for"),
    falsified_by=weaken.lossy("workdir"),
    kind="per-box",
    inputs="port.image-config-honoured",
)


@promise
@given(wanted=configurations())
def test_workdir_arrives(box: Box, wanted: Configuration) -> None:
    reply = CONFIGURED.answer(WORKDIR, box, wanted.mapped(box))
    promise.require(reply.data.rstrip(b"\0") == wanted.workdir.encode(), reply, found=reply.data)
