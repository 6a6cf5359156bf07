"""Drawn trees over the roads of each engine, compared aspect by aspect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_isolation.boxes.image import Image, TreeView
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import ASPECTS, TREE, Arrival, Loss, Roads, losses, together
from pytest_isolation.boxes.unpack import expected
from pytest_isolation.errors import BoxError, Lacking, in_one_line
from pytest_isolation.strategies import images
from pytest_isolation.suite import drawing

if TYPE_CHECKING:
    from collections.abc import Iterator

Open = Callable[[Lifetime], AbstractContextManager[Roads]]
BROKEN = Lacking, BoxError, OSError
"""What ends one road, or one engine: OSError is a disk that is full.  What was measured until then stays."""


@contextmanager
def _docker(lifetime: Lifetime) -> Iterator[Roads]:
    from pytest_isolation.technologies.docker.daemon import connect
    from pytest_isolation.technologies.roads.docker import DockerRoads

    yield DockerRoads(connect(None), lifetime)


def engines() -> dict[str, Open]:
    """Engine -> how its roads are made ready.  Each raises Unavailable where it cannot run."""
    from pytest_isolation.technologies.roads import podman, tools

    return {"docker": _docker, "podman": podman.roads, "buildah": tools.buildah, "skopeo": tools.skopeo}


@dataclass(slots=True)
class Travelled:
    """One road, over all trees."""

    words: str
    refused: tuple[str, ...] = ()
    """What was said of each tree that the road did not take."""
    missing: str = ""
    """Why the road is not here."""
    lost: dict[str, list[Loss]] = field(default_factory=dict)
    """Aspect -> what arrived otherwise, the simplest first; an aspect that is not there was kept."""
    asked: tuple[str, ...] = ()
    """The aspects that this road was asked about: those of an image's identity only where an image travels."""


@dataclass(slots=True)
class Measured:
    """One engine."""

    version: str = ""
    missing: str = ""
    roads: dict[str, Travelled] = field(default_factory=dict)


def drawn(count: int, start: int) -> list[Image]:
    """At most `count` trees, the same for the same `start`."""
    return drawing.drawn(images(capable=True), count, start)


def measure(
    names: Sequence[str], trees: Sequence[Image], *, tell: Callable[[str], None], into: dict[str, Measured]
) -> None:
    """Each engine of `names`.  `into` has a road once it was travelled.  Raises KeyboardInterrupt."""
    for name in names:
        found = into[name] = Measured()
        lifetime = Lifetime()
        try:
            with engines()[name](lifetime) as ready:
                found.version = ready.version
                for road, words in ready.roads.items():
                    tell(f"{name} {road}: {len(trees)} trees")
                    found.roads[road] = _travelled(ready, road, words, trees)
        except BROKEN as error:
            if found.roads:  # it was measured, and did not close
                tell(f"{name}: {in_one_line(error)}")
            else:
                found.missing = in_one_line(error)
        finally:
            lifetime.close()


def _travelled(ready: Roads, road: str, words: str, trees: Sequence[Image]) -> Travelled:
    try:
        arrivals = _sent(ready, road, trees)
    except BROKEN as error:
        return Travelled(words, missing=in_one_line(error))
    found = Travelled(words, refused=tuple(arrival.refused for _, arrival in arrivals if arrival.refused))
    taken = [(sent, arrival) for sent, arrival in arrivals if not arrival.refused]
    if not taken:
        return found
    images_travel = any(arrival.identity for _, arrival in taken)
    found.asked = tuple(aspect for aspect in ASPECTS if aspect != "identity" or images_travel)
    for aspect in found.asked:
        lost = [loss for sent, arrival in taken for loss in losses(aspect, sent, arrival)]
        if lost:
            found.lost[aspect] = sorted(lost, key=lambda loss: (len(repr(loss.sent)), repr(loss.sent), loss.path))
    return found


def _sent(ready: Roads, road: str, trees: Sequence[Image]) -> list[tuple[TreeView, Arrival]]:
    """All in one; when they are refused, half of them each time, down to the one that is."""
    image = together(trees)
    arrival = ready.send(road, image)
    if not arrival.refused or len(trees) == 1:
        places = {b"%d" % number for number in range(len(trees))}
        # A directory that we added has no time of its own.
        sent = {path: look for path, look in expected(image.below(TREE)).items() if path not in places}
        found = {path: look for path, look in arrival.tree.items() if path not in places}
        return [(sent, replace(arrival, tree=found))]
    half = len(trees) // 2
    return _sent(ready, road, trees[:half]) + _sent(ready, road, trees[half:])


def kept(found: Mapping[str, Measured]) -> bool:
    """Whether any road was travelled."""
    return any(road.asked for one in found.values() for road in one.roads.values())
