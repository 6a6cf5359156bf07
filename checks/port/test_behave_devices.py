"""The devices that every program counts on are there, and do what their names say."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.behaviour.devices import wrong

promise = guarantee(
    "port.behaviour-devices",
    claim="/dev/null, zero, full, random, urandom and tty have their numbers, and do what these stand for; /dev/fd, "
    "stdin, stdout and stderr are the process's own",
    sources=("oci:runtime-spec config-linux default-devices", "man:null(4), full(4), random(4), tty(4)"),
    severity=severity.portability("has usual devices that are none"),
    falsified_by=weaken.lossy("behaviour-devices"),
    kind="per-window",
)


@promise
@given(size=st.integers(16, 4096))
def test_devices_do_what_they_are_for(box: Box, size: int) -> None:
    with box.spawn() as proc:
        found = wrong(proc, size)
    promise.require(not found, **found)
