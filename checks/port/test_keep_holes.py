"""Files arrive with all their bytes, and a hole takes no storage in the box either."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import images

promise = guarantee(
    "port.layer-semantics.holes",
    claim="every file has the image's size and bytes, and one with a hole takes less storage than its size",
    sources=("oci:image-spec layer.md, sparse files", "man:lseek(2), SEEK_HOLE"),
    severity=severity.portability("fills the holes of sparse files"),
    falsified_by=weaken.lossy("holes"),
    kind="per-box",
    inputs="port.layer-semantics",
)


@promise
@given(image=images())
def test_holes_arrive(box: Box, image: Image) -> None:
    carried = carry(box, image)
    wrong = carried.differing(lambda look: look.kind == "file" and look.contents)
    promise.require(not wrong, differing=wrong)
    # Not the other way round: a file system may pack what the image stores in full.
    filled = [path for path, look in carried.wanted.items() if look.sparse and not carried.found[path].sparse]
    promise.require(not filled, filled=filled)
