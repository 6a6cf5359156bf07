"""An image is one thing on every road: through an archive, through system calls, and as the model says."""

from __future__ import annotations

import io
import os
import tarfile
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from pytest_isolation.boxes.image import Entry, Image
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.roads import ASPECTS as ROAD_ASPECTS
from pytest_isolation.boxes.roads import TREE, Arrival, losses
from pytest_isolation.boxes.unpack import expected, observed, unpack
from pytest_isolation.boxes.weakenings import (
    BEHAVIOUR_LOSSES,
    LIMIT_LOSSES,
    LOSSES,
    ROAD_LOSSES,
    ROADS,
    VOLUME_LOSSES,
    lossy,
)
from pytest_isolation.strategies import AFTER_2262, BEFORE_1970, SINCE_1970, images

QUICK = settings(
    max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)
ASPECTS = {
    "links": lambda look: (look.kind, look.group, look.kind == "symlink" and look.contents),
    "xattrs": lambda look: look.xattrs,
    "modes": lambda look: look.mode,
    "owners": lambda look: (look.uid, look.gid),
    "times": lambda look: look.mtime_ns,
    "holes": lambda look: look.sparse,
    "contents": lambda look: look.kind == "file" and look.contents,
}
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="owners of a tree are for root to give")


@root_only
@pytest.mark.parametrize("seconds", [SINCE_1970, BEFORE_1970, AFTER_2262])
def test_what_was_unpacked_is_what_the_model_says(seconds: tuple[int, int]) -> None:
    @QUICK
    @given(image=images(seconds=seconds))
    def carried(image: Image) -> None:
        with TemporaryDirectory() as made, start_local() as local:
            unpack(image, local.proc, os.fsencode(made))
            assert observed(local.proc, os.fsencode(made) + b"/" + TREE) == expected(image.below(TREE))

    carried()


@QUICK
@given(image=images(seconds=(-(2**31) + 1, 2**31 - 1)))
def test_an_archive_says_all_but_holes(image: Image) -> None:
    wanted = expected(image)
    read = io.BytesIO(image.to_tar())
    with tarfile.open(fileobj=read, errors="surrogateescape") as archive:
        members = {os.fsencode(member.name): member for member in archive.getmembers()}
    assert members.keys() == wanted.keys()
    for path, member in members.items():
        look = wanted[path]
        assert (member.uid, member.gid) == (look.uid, look.gid)
        assert member.issym() or member.mode == look.mode
        assert Decimal(member.pax_headers.get("mtime", member.mtime)) * 10**9 == look.mtime_ns
        found = {key.removeprefix("SCHILY.xattr."): os.fsencode(value) for key, value in member.pax_headers.items()
                 if key.startswith("SCHILY.xattr.")}  # fmt: skip
        assert found == dict(look.xattrs)


@pytest.mark.parametrize("aspect", [*ASPECTS, "names"])
def test_a_loss_shows_in_every_image_and_in_its_own_aspect(aspect: str) -> None:
    @QUICK
    @given(image=images())
    def lost(image: Image) -> None:
        wanted, found = expected(image), expected(image.carried(frozenset({lossy(aspect)})))
        if aspect == "names":
            assert wanted.keys() != found.keys()
            return
        assert wanted.keys() == found.keys()
        changed = {
            name for name, part in ASPECTS.items() if any(part(wanted[one]) != part(found[one]) for one in found)
        }
        assert aspect in changed
        # A link that became a copy is a file with a mode of its own, and no longer of a hole's group.
        assert aspect == "links" or changed == {aspect}

    lost()


@root_only
@pytest.mark.parametrize("aspect", sorted({*ASPECTS, "names"}))
def test_a_lossy_tree_can_be_made(aspect: str, tmp_path: Path) -> None:
    @QUICK
    @given(image=images())
    def made(image: Image) -> None:
        lost = image.carried(frozenset({lossy(aspect)}))
        with TemporaryDirectory(dir=tmp_path) as place, start_local() as local:
            unpack(lost, local.proc, os.fsencode(place))
            assert observed(local.proc, os.fsencode(place)) == expected(lost)

    made()


def test_every_loss_is_of_the_tree_the_configuration_or_what_comes_after() -> None:
    of_images = {*ASPECTS, "names", "environment", "identity", "workdir", "host-name"}
    assert set(LOSSES) == {*of_images, *ROAD_LOSSES, *LIMIT_LOSSES, *VOLUME_LOSSES, *BEHAVIOUR_LOSSES}


@pytest.mark.parametrize("loss", [one for one in (*ROAD_LOSSES, *VOLUME_LOSSES) if not one.endswith("-identity")])
def test_a_loss_on_a_road_is_of_that_road_and_aspect_alone(loss: str) -> None:
    road, _, aspect = loss.partition("-")

    @QUICK
    @given(image=images(capable=True))
    def lost(image: Image) -> None:
        holes = frozenset({lossy(loss)})
        sent, arrived = expected(image.below(TREE)), expected(image.handed_on(road, holes).below(TREE))
        told = {one for one in ROAD_ASPECTS if any(losses(one, sent, Arrival(arrived)))}
        # Of a name that is another, links are other links; an attribute may be a capability; a link's copy is full.
        allowed = {"names": {"links"}, "xattrs": {"capabilities"}, "links": {"names", "holes"}}
        assert aspect in told or (aspect == "links" and "names" in told)
        assert told <= {aspect} | allowed.get(aspect, set())
        assert all(image.handed_on(other, holes) == image for other in ROADS if other != road)
        assert image.carried(holes) == image

    lost()


def test_a_name_folded_onto_a_file_takes_what_was_below_it() -> None:
    image = Image((Entry(path=b"a", kind="file"), Entry(path=b"A", kind="dir"), Entry(path=b"A/b", kind="file")))
    assert [entry.path for entry in image.carried(frozenset({lossy("names")})).entries] == [b"a"]


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(SINCE_1970, (2**31, 2**63 // 10**9)), (AFTER_2262, (2**63 // 10**9, 2**34))],
    ids=["after 2038", "after 2262"],
)
def test_far_times_are_drawn(seconds: tuple[int, int], wanted: tuple[int, int]) -> None:
    """Past the last second of 32 bits, and past the last nanosecond of 64."""
    first, last = (one * 10**9 for one in wanted)
    find(
        images(seconds=seconds),
        lambda image: any(first < entry.mtime_ns < last for entry in image.entries),
        settings=settings(QUICK, max_examples=2000),  # the first that is found: to shrink it takes minutes
    )
