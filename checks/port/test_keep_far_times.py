"""Times of modification that are no 64-bit number of nanoseconds arrive to the nanosecond."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import AFTER_2262, images

promise = guarantee(
    "port.layer-semantics.times-after-2262",
    claim="a time of modification from 12 April 2262 to 10 May 2446 is the same time in the box, to the nanosecond",
    sources=("oci:image-spec layer.md, file attributes", "kernel:filesystems/ext4 inode timestamps"),
    severity=severity.portability("loses times after 2262"),
    falsified_by=weaken.lossy("times"),
    kind="per-box",
    distinct="such a time is too large for 63 bits of nanoseconds: carriers that keep all others lose it",
)


@promise
@given(image=images(seconds=AFTER_2262))
def test_far_times_arrive(box: Box, image: Image) -> None:
    carried = carry(box, image)
    if not carried.keeps:
        promise.undecided("the file system that the box lies on keeps no such time")
    wrong = carried.differing(lambda look: look.mtime_ns)
    promise.require(not wrong, differing=wrong)
