"""Which layer of a box refuses a call, by the hole that takes the layer away: seccomp, a capability, a mount.

A hole takes a defence away (holes.toml); a defence that can refuse a call is a part of one layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from pytest_isolation.boxes.weakenings import Weakening, Weakenings
from pytest_isolation.guarantees.defences import by_hole
from pytest_isolation.guarantees.verdicts import Layer

DEFENCES: Mapping[Layer, tuple[str, ...]] = {
    Layer.SECCOMP: ("system-call-filter",),
    Layer.LSM: (),
    Layer.DEVICE_GROUP: ("device-access",),
    Layer.MOUNT: (
        "mount-namespace",
        "own-root",
        "private-root",
        "pivoted-root",
        "private-propagation",
        "masked-paths",
        "read-only-mounts",
        "read-only-cgroups",
    ),
    Layer.NAMESPACE: ("*-namespace", "network-apart"),
    Layer.CAPABILITY: ("without-cap-*",),
}
"""Layer -> its defences, with * for any text; the first layer that fits has it.

In the order in which they are taken away.  The filter is the first: engines widen it with each capability that they
give, so that a capability that opens a door may have opened the filter's as well, and never the other way round.
No hole takes away the label of a security module for all of a box: `lsm` is found nowhere yet.
"""


def layer_of(hole: Weakening) -> Layer | None:
    """None for a hole that lets through nothing that was refused: a limit, a loss, what a process that enters lacks."""
    defence = by_hole().get(str(hole))
    if defence is None and hole.kind == "expose":  # whose names are paths, without end
        return Layer.MOUNT
    return next(
        (layer for layer, known in DEFENCES.items() if any(fnmatchcase(defence or "", one) for one in known)), None
    )


def by_layer(holes: Iterable[Weakening]) -> Mapping[Layer, Weakenings]:
    """The holes of each layer that has one, in the order of DEFENCES."""
    found: dict[Layer, set[Weakening]] = {layer: set() for layer in DEFENCES}
    for hole in holes:
        if (layer := layer_of(hole)) is not None:
            found[layer].add(hole)
    return {layer: frozenset(some) for layer, some in found.items() if some}
