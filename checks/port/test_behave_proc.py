"""What programs read in /proc of themselves, and of where they run, is what system calls tell them."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.behaviour.proc_files import Drawn, wrong

promise = guarantee(
    "port.behaviour-proc",
    claim="the files of /proc that programs read are there, and say of a process, its user, limits, descriptors and "
    "memory, of processors, memory, clock, kernel and names what system calls say",
    sources=("man:proc(5)", "oci:runtime-spec config-linux default-filesystems"),
    severity=severity.portability("has a /proc that says other things than its kernel"),
    falsified_by=weaken.lossy("behaviour-proc"),
    kind="per-window",
)


@promise
@given(name=st.text("abcdefghijklmnopqrstuvwxyz ()-", min_size=1, max_size=15), offset=st.integers(0, 1 << 40))
def test_proc_says_what_calls_say(box: Box, name: str, offset: int) -> None:
    with box.spawn() as proc:
        found = wrong(proc, Drawn(name, offset))
    promise.require(not found, **found)
