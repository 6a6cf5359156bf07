"""The files that engines mask today give nothing in the box; which others tell of the machine, the row says."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside import machine

promise = guarantee(
    "proc.machine-wide-unreadable",
    claim="the files of /proc and /sys that Docker 28.0.2 and Podman 5.5 mask give nothing inside",
    sources=("moby:daemon/pkg/oci/defaults.go", "https://github.com/moby/moby/pull/49560"),
    severity=severity.learns("reads of the machine what engines hide since 2025"),
    falsified_by=weaken.drop("masks"),
    oracle="receipt",
    kind="per-window",
    distinct="engines of before 2025 mask the shorter list of proc.masked-unreadable",
)


@promise
@given(count=st.integers(1, 4096))
def test_files_of_the_machine_give_nothing(box: Box, count: int) -> None:
    promise.receipt(*machine.sees_proc(box, count))
    with machine.reader(box) as host:
        if others := machine.telling(box.proc, machine.telling(host, machine.others(host))):
            promise.remark(f"not in the table, and read in the box: {machine.words(others)}")
        for path in machine.named(host, machine.TODAY):
            seen, told = machine.shown(box, host, path, count)
            promise.require(not seen, *told, shown=seen)
