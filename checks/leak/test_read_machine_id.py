"""The id of its machine is not in the box."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Unsupported, guarantee, severity, weaken
from pytest_isolation.agent.shortcuts import read
from pytest_isolation.outside.machine import leaks

promise = guarantee(
    "leak.machine-id",
    claim="the id of its machine is read by no path from inside, whatever the box calls it",
    sources=("man:machine-id(5)",),
    severity=severity.learns("learns which machine it is on, by its id"),
    falsified_by=weaken.expose("/"),
    oracle="receipt",
    kind="per-window",
    distinct="an id that is kept in files, and that a box may be given to be as its machine",
)
FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
SHORT = 16
"""Letters: what is shorter is no id."""


@promise
@given(child=st.booleans())
def test_id_of_the_machine_is_not_read(box: Box, child: bool) -> None:
    ids = {data for data in (read(box.outside.proc, path).data.strip() for path in FILES) if len(data) >= SHORT}
    if not ids:
        raise Unsupported("its machine has no id")
    paths = [*FILES, *(road for path in FILES for road in box.outside.roads(path))]
    with box.spawn() as other:
        proc = other if child else box.proc
        promise.receipt(bool(leaks.called(proc)), "clock_gettime(2)")
        found = [path for path, data in leaks.contents(proc, paths).items() if data.strip() in ids]
    promise.require(not found, found=", ".join(found))
