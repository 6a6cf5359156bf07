"""Owners and groups arrive by number."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import images

promise = guarantee(
    "port.layer-semantics.owners",
    claim="everything has, in the box, the numeric owner and group it has in the image, large numbers included",
    sources=("oci:image-spec layer.md, file attributes", "man:inode(7)"),
    severity=severity.portability("loses owners of the image"),
    falsified_by=weaken.lossy("owners"),
    kind="per-box",
    inputs="port.layer-semantics",
)


@promise
@given(image=images())
def test_owners_arrive(box: Box, image: Image) -> None:
    wrong = carry(box, image).differing(lambda look: (look.uid, look.gid))
    promise.require(not wrong, differing=wrong)
