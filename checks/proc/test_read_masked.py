"""The files that every engine masks give nothing in the box."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside import machine

promise = guarantee(
    "proc.masked-unreadable",
    claim="the files of /proc and /sys that every container engine masks give nothing inside",
    sources=("oci:runtime-spec config-linux masked-paths", "moby:oci/defaults.go (defaultMaskedPaths)"),
    severity=severity.learns("reads of the machine what every engine hides"),
    falsified_by=weaken.drop("masks"),
    oracle="receipt",
    kind="per-window",
    distinct="what may not be written and what may not be read are two lists",
)


@promise
@given(count=st.integers(1, 4096))
def test_masked_paths_give_nothing(box: Box, count: int) -> None:
    promise.receipt(*machine.sees_proc(box, count))
    with machine.reader(box) as host:
        for path in machine.named(host, machine.EVERYWHERE):
            seen, told = machine.shown(box, host, path, count)
            promise.require(not seen, *told, shown=seen)
