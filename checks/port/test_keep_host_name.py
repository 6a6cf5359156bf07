"""A box has the host name that it was to have, and the file that programs read it in says the same."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.start.named import named
from pytest_isolation.strategies import host_names

promise = guarantee(
    "port.image-config-honoured.host-name",
    claim="a box has the host name asked for, and /etc/hostname, which its image has with another, says no other",
    sources=("man:uname(2)", "man:hostname(5)", "oci:runtime-spec config.md, hostname"),
    severity=severity.portability("has another host name than asked for"),
    falsified_by=weaken.lossy("host-name"),
    kind="per-box",
)


@promise
@given(name=host_names())
def test_host_name_arrives(box: Box, name: str) -> None:
    found = named(box, name)
    promise.require(set(found.values()) <= {name}, asked_for=name, **found)
