"""Modes arrive, set-user-ID, set-group-ID and sticky bits included."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import images

promise = guarantee(
    "port.layer-semantics.modes",
    claim="every file and directory has, in the box, all twelve mode bits it has in the image",
    sources=("oci:image-spec layer.md, file attributes", "man:inode(7)"),
    severity=severity.portability("loses mode bits of the image"),
    falsified_by=weaken.lossy("modes"),
    kind="per-box",
    inputs="port.layer-semantics",
)


@promise
@given(image=images())
def test_modes_arrive(box: Box, image: Image) -> None:
    wrong = carry(box, image).differing(lambda look: look.mode)
    promise.require(not wrong, differing=wrong)
