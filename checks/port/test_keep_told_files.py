"""Files of the image that tell programs where they are stay what they are, whatever the machine has."""

from hypothesis import given

from pytest_isolation import Box, Guarantee, family, severity, weaken
from pytest_isolation.outside.start.told_by_image import FILES, File, Told, seen
from pytest_isolation.strategies import told

kept = family(
    "port.image-{entry.slug}-kept",
    over=FILES,
    claim="a box has its image's {entry.what}: not its machine's, and none of its engine's",
    sources=("{entry.source}", "oci:image-spec layer.md"),
    severity=lambda entry: severity.portability(entry.does),
    falsified_by=weaken.lossy("contents"),
    kind="per-box",
    inputs="port.image-kept",
    distinct="{entry.why}",
)


@kept
@given(image=told())
def test_told_file_stays(box: Box, promise: Guarantee, entry: File, image: Told) -> None:
    lost = entry.lost(image, seen(box, image))
    promise.require(not lost, **lost)
