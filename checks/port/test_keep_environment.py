"""The image's environment is the box's."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.configured import CONFIGURED, ENVIRONMENT, Configuration
from pytest_isolation.strategies import configurations

promise = guarantee(
    "port.image-config-honoured.environment",
    claim="the first process has every variable it was to be started with, once, with exactly that value",
    sources=("oci:image-spec config.md, Env", "man:environ(7)"),
    severity=severity.portability("starts with other variables than asked for"),
    falsified_by=weaken.lossy("environment"),
    kind="per-box",
    inputs="port.image-config-honoured",
)


@promise
@given(wanted=configurations())
def test_environment_arrives(box: Box, wanted: Configuration) -> None:
    found = CONFIGURED.answer(ENVIRONMENT, box, wanted.mapped(box))
    given_ = dict(wanted.variables)
    ours = sorted((name, value) for name, value in found if name in given_)
    promise.require(ours == sorted(wanted.variables), found=ours)
