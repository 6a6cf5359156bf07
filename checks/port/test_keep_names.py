"""Names arrive byte for byte, and no other names."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import images

promise = guarantee(
    "port.layer-semantics.names",
    claim="the box has exactly the image's names: case, spaces, line ends and bytes that are no text included; none "
    "that begins with .wh. is asked for",
    sources=("oci:image-spec layer.md", "man:path_resolution(7)"),
    severity=severity.portability("loses or changes names of the image"),
    falsified_by=weaken.lossy("names"),
    kind="per-box",
    inputs="port.layer-semantics",
)


@promise
@given(image=images())
def test_names_arrive(box: Box, image: Image) -> None:
    carried = carry(box, image)
    promise.require(
        carried.wanted.keys() == carried.found.keys(),
        lost=sorted(carried.wanted.keys() - carried.found.keys()),
        new=sorted(carried.found.keys() - carried.wanted.keys()),
    )
