"""Times of modification before 1970 arrive to the nanosecond."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import BEFORE_1970, images

promise = guarantee(
    "port.layer-semantics.times-before-1970",
    claim="a time of modification before 1970 is the same time in the box, to the nanosecond",
    sources=("oci:image-spec layer.md, file attributes", "man:utimensat(2)"),
    severity=severity.portability("loses times before 1970"),
    falsified_by=weaken.lossy("times"),
    kind="per-box",
    distinct="such a time is a negative number: carriers that keep all others to the nanosecond lose it",
)


@promise
@given(image=images(seconds=BEFORE_1970))
def test_old_times_arrive(box: Box, image: Image) -> None:
    carried = carry(box, image)
    if not carried.keeps:
        promise.undecided("the file system that the box lies on keeps no such time")
    wrong = carried.differing(lambda look: look.mtime_ns)
    promise.require(not wrong, differing=wrong)
