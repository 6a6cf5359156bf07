"""What the engine of a box keeps of a tree that it saves, exports, or copies in a build."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.carried import lost
from pytest_isolation.outside.transfer.travelled import LEGS, Leg
from pytest_isolation.strategies import images

kept = family(
    "port.road-{entry.road}.{entry.aspect}",
    over=LEGS,
    claim="{entry.claim}",
    sources=lambda leg: leg.sources,
    severity=lambda leg: severity.portability(leg.loses),
    falsified_by=lambda leg: leg.hole,
    kind="per-road",
    inputs="port.road",
    distinct="{entry.aspect}, {entry.why}",
)


@kept
@given(trees=st.lists(images(capable=True), min_size=2, max_size=3))
def test_it_arrives(box: Box, promise: Guarantee, entry: Leg, trees: list[Image]) -> None:
    found = lost(box, entry.road, entry.aspect, trees)
    promise.require(not found, lost=found)
