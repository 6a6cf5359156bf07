"""Extended attributes arrive, file capabilities among them."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import images

promise = guarantee(
    "port.layer-semantics.xattrs",
    claim="every user attribute and every file capability has, in the box, the bytes it has in the image",
    sources=("oci:image-spec layer.md, file attributes", "man:xattr(7)"),
    severity=severity.portability("loses attributes or capabilities of files"),
    falsified_by=weaken.lossy("xattrs"),
    kind="per-box",
    inputs="port.layer-semantics",
)


@promise
@given(image=images())
def test_xattrs_arrive(box: Box, image: Image) -> None:
    wrong = carry(box, image).differing(lambda look: look.xattrs)
    promise.require(not wrong, differing=wrong)
