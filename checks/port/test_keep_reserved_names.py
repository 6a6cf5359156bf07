"""Names that mean something to a layer arrive as names."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, guarantee, severity, weaken
from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.roads import TREE
from pytest_isolation.outside.transfer.carried import carry
from pytest_isolation.strategies import reserved_names

promise = guarantee(
    "port.layer-semantics.names-reserved",
    claim="a file whose name begins with .wh. in the image is in the box under that name, and so is the file beside it",
    sources=("oci:image-spec layer.md, whiteouts", "man:path_resolution(7)"),
    severity=severity.portability("loses files named .wh.* in the image"),
    falsified_by=weaken.lossy("names"),
    kind="per-box",
    distinct="in a layer such a name says that another is gone: who carries layers keeps all names but these",
)


@promise
@given(names=st.lists(reserved_names(), min_size=1, max_size=3, unique_by=bytes.lower))
def test_reserved_names_arrive(box: Box, names: list[bytes]) -> None:
    every = sorted({*names, *(name.removeprefix(b".wh.") for name in names)})
    made = [Entry(path=TREE + b"/" + name, kind="file") for name in every]
    carried = carry(box, Image((Entry(path=TREE, kind="dir", mode=0o755), *made)))
    lost, new = (carried.wanted.keys() - carried.found.keys()), (carried.found.keys() - carried.wanted.keys())
    promise.require(not (lost or new), lost=sorted(lost), new=sorted(new))
