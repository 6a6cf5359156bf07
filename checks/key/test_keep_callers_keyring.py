"""The session keyring of the caller of the launcher is not the box's."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.called import CALLED, KEY, Belongings, absent
from pytest_isolation.strategies import belongings

promise = guarantee(
    "key.session-not-inherited",
    claim="no key of the session keyring of whoever starts or enters the box is found in that of the process there",
    sources=("man:session-keyring(7)", "man:keyctl(2)", "man:runc-run(8)"),
    severity=severity.host("reads the keys of whoever starts it"),
    falsified_by=weaken.drop("keyring"),
    kind="per-box",
    inputs="called",
)


@promise
@given(callers=belongings())
def test_callers_key_stays_outside(box: Box, callers: Belongings) -> None:
    found, read = CALLED.answer(KEY, box, callers)
    promise.held("isolated" if absent(found) else "refused")
    promise.require(callers.token.encode() not in read.data and not found.ok, found, read, callers=callers.token)
