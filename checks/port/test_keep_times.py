"""Times of modification arrive to the nanosecond."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import images

promise = guarantee(
    "port.layer-semantics.times",
    claim="everything was last modified, in the box, at the nanosecond the image says, directories and links included, "
    "from 1970 to 11 April 2262",
    sources=("oci:image-spec layer.md, file attributes", "man:utimensat(2)"),
    severity=severity.portability("loses times of the image"),
    falsified_by=weaken.lossy("times"),
    kind="per-box",
    inputs="port.layer-semantics",
)


@promise
@given(image=images())
def test_times_arrive(box: Box, image: Image) -> None:
    carried = carry(box, image)
    if not carried.keeps:
        promise.undecided("the file system that the box lies on keeps no such time")
    wrong = carried.differing(lambda look: look.mtime_ns)
    promise.require(not wrong, differing=wrong)
