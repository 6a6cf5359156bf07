"""The control group trees that a box has, under any name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.agent.shortcuts import read
from pytest_isolation.boxes.cgroups import hierarchies, memberships
from pytest_isolation.outside.shared.found import CGROUPS, shared
from pytest_isolation.outside.shared.table import below, join

if TYPE_CHECKING:
    from pytest_isolation.boxes.cgroups import Group
    from pytest_isolation.outside.box import Box

USUAL = "/sys/fs/cgroup"


@dataclass(frozen=True, slots=True)
class Tree:
    """A mount of control groups that a box has."""

    target: str
    """Where the box has it."""
    host: str | None
    """The host's directory that is its root; None where that is not known."""

    def own(self, group: Group) -> str | None:
        """The path, in the box, of the box's own group; None where it is not in this tree, or not known to be."""
        if self.host is None:
            return None
        rests = (below(os.fspath(place), self.host) for place in set(group.places.values()))
        return next((join(self.target, rest) for rest in rests if rest is not None), None)


def trees(box: Box) -> list[Tree]:
    """What the box's mount table has, and the usual places: a tree may be there though no table shows it."""
    found = [Tree(one.target, one.host) for one in shared(box) if one.fstype in CGROUPS]
    known = {tree.target for tree in found}
    usual = [USUAL, *(f"{USUAL}/{controller}" for controller in sorted(hierarchies(box.parts.host)))]
    return found + [Tree(target, None) for target in usual if target not in known]


def own_places(box: Box, group: Group, controller: str) -> list[str]:
    """The box's own group in each tree it has: where the host knows it to be, and where the box says it is."""
    told = memberships(read(box.proc, "/proc/self/cgroup").data.decode("utf-8", "surrogateescape"))
    said = [path for controllers, path in told if {controller, "unified"} & {*controllers}]
    found: list[str] = []
    for tree in trees(box):
        found += [tree.target, *(f"{tree.target}{path}" for path in said)]
        if (own := tree.own(group)) is not None:
            found.append(own)
    return list(dict.fromkeys(found))
