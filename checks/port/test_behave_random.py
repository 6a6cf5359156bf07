"""No two boxes draw the same random bytes, however they were started."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.behaviour.random_bytes import repeated

promise = guarantee(
    "port.behaviour-random",
    claim="getrandom(2), /dev/random, /dev/urandom, the UUIDs of /proc and the bytes at AT_RANDOM differ from one "
    "reading to the next, and from those of the next box",
    sources=(
        "man:getrandom(2)",
        "man:random(4)",
        "man:getauxval(3), AT_RANDOM",
        "https://www.qemu.org/docs/master/specs/vmgenid.html",
    ),
    severity=severity.portability("draws the random bytes of another box"),
    falsified_by=weaken.drop("fresh-random"),
    kind="per-road",
)


@promise
@given(size=st.integers(16, 256))
def test_random_bytes_are_its_own(box: Box, size: int) -> None:
    found = repeated(box, size)
    promise.require(not found, **found)
