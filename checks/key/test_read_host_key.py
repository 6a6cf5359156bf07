"""A key of the host cannot be read from inside by its number."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.constants import KEYCTL
from pytest_isolation.agent.memory import OutBuffer
from pytest_isolation.outside.objects.keys import PROCESS_KEYRING, key
from pytest_isolation.strategies import tokens

promise = guarantee(
    "key.host-key-unreadable",
    claim="no process of the box reads, or reads about, a key that everybody on the host may read, by its number",
    sources=("man:keyrings(7)", "man:keyctl(2)", "docker:seccomp security profiles"),
    severity=severity.host("reads keys of the host by their numbers"),
    falsified_by=weaken.drop("seccomp"),
    kind="per-window",
    distinct="another call that a filter has to refuse: a key has no namespace that hides it",
)


@promise
@given(link=st.booleans(), token=tokens())
def test_key_gives_nothing(box: Box, link: bool, token: str) -> None:
    with key(box, token) as theirs, box.spawn() as proc:
        if link:
            proc.keyctl(KEYCTL.LINK, theirs.serial, PROCESS_KEYRING)
        read = proc.keyctl(KEYCTL.READ, theirs.serial, OutBuffer(200), 200)
        about = proc.keyctl(KEYCTL.DESCRIBE, theirs.serial, OutBuffer(200), 200)
        got = read.data + about.data
        promise.require(token.encode() not in got, read, about, got=got.rstrip(b"\0").decode(errors="replace"))
