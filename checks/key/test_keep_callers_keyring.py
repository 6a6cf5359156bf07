"""The session keyring of the caller of the launcher is not the box's."""

import errno

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.boxes.caller import SESSION_KEYRING, Caller
from pytest_isolation.outside.keys import KEYCTL_READ, KEYCTL_SEARCH
from pytest_isolation.strategies import tokens

promise = guarantee(
    "key.session-not-inherited",
    claim="no key of the session keyring of whoever starts or enters the box is found in that of the process there",
    sources=("man:session-keyring(7)", "man:keyctl(2)", "man:runc-run(8)"),
    severity=severity.host("reads the keys of whoever starts it"),
    falsified_by=weaken.drop("keyring"),
    kind="per-box",
)


@promise
@given(token=tokens())
def test_callers_key_stays_outside(box: Box, token: str) -> None:
    with box.fresh(awaited=False, caller=Caller(key=token)) as fresh:
        found = fresh.proc.keyctl(KEYCTL_SEARCH, SESSION_KEYRING, "user", token, 0)
        read = fresh.proc.keyctl(KEYCTL_READ, found.value, OutBuffer(200), 200) if found.ok else found
    promise.held("isolated" if found.errno == errno.ENOKEY else "refused")
    promise.require(token.encode() not in read.data and not found.ok, found, read, callers=token)
