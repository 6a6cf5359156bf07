"""A sequence of ordinary calls on files of the image ends as it does in a plain directory with the same files."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.outside.behaviour.compared import compared_on_image
from pytest_isolation.outside.behaviour.kinds import BY_NAME
from pytest_isolation.strategies import Drawn, sequences

KIND = BY_NAME["image"]

promise = guarantee(
    "port.behaviour-image",
    claim="files that came with the image can be renamed, linked, held open and written like any others: each call of "
    "a sequence has the result that it has on the box's machine, in a directory with the same files",
    sources=(KIND.source,),
    severity=severity.portability("has other results of calls on files of its image"),
    falsified_by=weaken.lossy("behaviour-image"),
    kind="per-box",
    distinct="files that were there before the box: an overlay has them in a lower layer, and its own in another",
)


@promise
@given(drawn=st.lists(sequences(), min_size=1, max_size=8))
def test_calls_on_the_image_end_alike(box: Box, drawn: list[Drawn]) -> None:
    found = compared_on_image(box, KIND, [KIND.whole(one) for one in drawn])
    differing = next((one for one in found if one.first), found[0])
    other = differing.first
    promise.require(other is None, *differing.program[-3:], box=other and other[1], machine=other and other[0])
