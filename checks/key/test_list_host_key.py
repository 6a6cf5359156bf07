"""/proc/keys shows the box no key of the host."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read_records
from pytest_isolation.outside.machine import files
from pytest_isolation.outside.objects.keys import key
from pytest_isolation.strategies import tokens

promise = guarantee(
    "key.proc-keys-hidden",
    claim="no line of keys in any /proc that the box has, as it reads it, is a key that everybody on the host may see",
    sources=("man:proc_keys(5)", "moby:oci/defaults.go (defaultMaskedPaths)"),
    severity=severity.learns("lists the host's keys"),
    falsified_by=weaken.drop("masks"),
    oracle="receipt",
    distinct="one file of those that are masked, and what of the host's users it tells",
    kind="per-window",
)


@promise
@given(token=tokens())
def test_key_is_not_listed(box: Box, token: str) -> None:
    promise.receipt(*files.sees_proc(box, 64))
    with key(box, token):
        read = [reply for place in files.names_of(box, "/proc/keys") for reply in read_records(box.proc, place)]
    found = [line for reply in read for line in reply.data.decode(errors="replace").splitlines() if token in line]
    promise.require(not found, *read, listed="; ".join(found))
