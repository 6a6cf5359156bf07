"""Hard links and symbolic links arrive as links."""

from hypothesis import given

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import images

promise = guarantee(
    "port.layer-semantics.links",
    claim="names of one file in the image are names of one file in the box, and a symbolic link has its own target",
    sources=("oci:image-spec layer.md, hard links", "man:link(2)", "man:symlink(7)"),
    severity=severity.portability("loses links of the image"),
    falsified_by=weaken.lossy("links"),
    kind="per-box",
    inputs="port.layer-semantics",
)


@promise
@given(image=images())
def test_links_arrive(box: Box, image: Image) -> None:
    wrong = carry(box, image).differing(lambda look: (look.kind, look.group, look.kind == "symlink" and look.contents))
    promise.require(not wrong, differing=wrong)
