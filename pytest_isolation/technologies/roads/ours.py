"""A carrier of our own: it makes the tree in a directory, and loses what it was asked to lose.

The control of what is asked about an engine's roads: it shows that the loss is seen, and starts sooner than any engine.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from pytest_isolation.boxes.image import Image
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.roads import Arrival
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import ROAD_LOSSES, lossy
from pytest_isolation.technologies.roads.source import arrived, make


def carrier(spec: BoxSpec, lifetime: Lifetime) -> Callable[[str, Image], Arrival] | None:
    """For a box with losses on a road; None for any other: it hands nothing on."""
    if not any(spec.has(lossy(loss)) for loss in ROAD_LOSSES):
        return None

    def send(road: str, image: Image) -> Arrival:
        at = lifetime.new_directory("road")
        try:
            make(os.fsencode(at), image.handed_on(road, spec.weakenings))
            tree = arrived(os.fsencode(at))
        finally:
            lifetime.remove_directory(at)
        identity = ("this", "another" if spec.has(lossy("save-identity")) else "this") if road == "save" else None
        return Arrival(tree, identity=identity)

    return send
