"""What a box has of a directory that it was handed: as the host has it."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_isolation import Box, Guarantee, family, severity
from pytest_isolation.boxes.image import Image
from pytest_isolation.outside.transfer.handed_tree import ASPECTS, Aspect, differing
from pytest_isolation.strategies import images

seen = family(
    "port.volume-{entry.name}",
    over=ASPECTS,
    claim="in a directory of the host that it was handed a box has {entry.as_host}",
    sources=(
        "man:mount(8) --bind",
        "https://docs.docker.com/engine/storage/bind-mounts/",
        "https://wiki.qemu.org/Documentation/9psetup",
        "https://virtio-fs.gitlab.io/design.html",
    ),
    severity=lambda aspect: severity.portability(aspect.does),
    falsified_by=lambda aspect: aspect.hole,
    kind="per-road",
    inputs="port.volume",
    needs_root=True,
    distinct="{entry.why}",
)


@seen
@given(trees=st.lists(images(), min_size=2, max_size=3))
def test_box_has_it_as_the_host(box: Box, promise: Guarantee, entry: Aspect, trees: list[Image]) -> None:
    wrong = differing(box, entry, trees)
    promise.require(not wrong, differing=wrong)
