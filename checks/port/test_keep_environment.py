"""The image's environment is the box's."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.carried import alike, environment
from pytest_isolation.strategies import variables

promise = guarantee(
    "port.image-config-honoured.environment",
    claim="the first process has every variable it was to be started with, once, with exactly that value",
    sources=("oci:image-spec config.md, Env", "man:environ(7)"),
    severity=severity.portability("starts with other variables than asked for"),
    falsified_by=weaken.lossy("environment"),
    kind="per-box",
)


@promise
@given(wanted=variables())
def test_environment_arrives(box: Box, wanted: dict[str, str]) -> None:
    with alike(box, env=tuple(wanted.items())) as fresh:
        found = environment(fresh)
    ours = sorted((name, value) for name, value in found if name in wanted)
    promise.require(ours == sorted(wanted.items()), found=ours)
