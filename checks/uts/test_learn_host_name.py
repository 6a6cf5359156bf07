"""The box does not learn what its machine is called."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read

promise = guarantee(
    "uts.host-name-hidden",
    claim="neither uname(2) nor /proc/sys/kernel/hostname gives the box the name of its machine",
    sources=("man:uts_namespaces(7)", "man:uname(2)"),
    severity=severity.learns("reads the host's name"),
    falsified_by=weaken.share("uts"),
    oracle="receipt",
    kind="per-window",
)
NAME, LENGTH = 65, 65  # struct new_utsname: the second of six fields


@promise
@given(child=st.booleans())
def test_name_of_the_machine_is_hidden(box: Box, child: bool) -> None:
    outside = box.outside.proc.uname().data[NAME : NAME + LENGTH].rstrip(b"\0")
    if outside == box.spec.hostname.encode():
        promise.undecided("the box was asked to have its machine's name")
    with box.spawn() as other:
        proc = other if child else box.proc
        told, file = proc.uname(), read(proc, "/proc/sys/kernel/hostname")
    name = told.data[NAME : NAME + LENGTH].rstrip(b"\0")
    promise.receipt(bool(name), told)
    promise.require(outside not in (name, file.data.strip()), told, file, read=name.decode(errors="replace"))
