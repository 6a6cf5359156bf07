"""The same calls on the same image end the same way in every box."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.configured import CONFIGURED, RESULTS, Configuration
from pytest_isolation.strategies import configurations

promise = guarantee(
    "port.same-image-same-result",
    claim="a user who is not root gets, on the image's files, the results that their modes and owners decide",
    sources=("man:path_resolution(7), Permissions", "man:open(2)"),
    severity=severity.portability("gives a user other rights on the image's files"),
    falsified_by=weaken.lossy("modes"),
    kind="per-box",
    inputs="port.image-config-honoured",
    distinct="judges what a process may do, not what stat(2) tells: a capability kept, or a user mapped to root, "
    "breaks it while every mode has arrived",
)


@promise
@given(wanted=configurations())
def test_results_are_the_same(box: Box, wanted: Configuration) -> None:
    results = CONFIGURED.answer(RESULTS, box, wanted.mapped(box))
    other = [(expected, reply) for expected, reply in results if reply.errno not in expected]
    promise.require(not other, *(reply for _, reply in other), expected=[sorted(expected) for expected, _ in other])
