"""A box that is kept in files, ended, and goes on from them in another process is the box it was."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.transfer.moved import ASPECTS, Aspect, moved

kept = family(
    "port.vm-{entry.slug}",
    over=ASPECTS,
    claim="a box whose state is kept in a file and goes on from there in another process has {entry.what}",
    sources=(
        "https://www.qemu.org/docs/master/devel/migration/main.html",
        "https://www.qemu.org/docs/master/system/images.html#vm-snapshots",
    ),
    severity=lambda aspect: severity.portability(aspect.does),
    falsified_by=weaken.drop("kept-state"),
    kind="per-road",
    inputs="port.vm",
    distinct="{entry.why}",
)


@kept
@given(data=st.binary(min_size=8, max_size=200))
def test_it_goes_on(box: Box, promise: Guarantee, entry: Aspect, data: bytes) -> None:
    lost = entry.lost(moved(box, data))
    promise.require(not lost, **lost)
