"""The host's ids an LXC box is given: by keyword, from subuid(5), or a range that nobody has."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.errors import Unsupported, UsageError
from pytest_isolation.technologies.base import flag
from pytest_isolation.technologies.lxc.holes import plan_of
from pytest_isolation.technologies.subordinate import KINDS, ranges

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

FREE_IDS = range(0x80000, 0x7000_0000, 0x10000)
"""Where a range that nobody was given is looked for: the ids nspawn picks from."""


@dataclass(frozen=True, slots=True)
class IdMap:
    """The first of the host's ids, for users and for groups, and how many."""

    users: int
    groups: int
    size: int


def id_map(spec: BoxSpec) -> IdMap | None:
    """None: no map, root in the box is root of the host.

    A capability over the host is one in the host's user namespace, so `grant` takes the map away.
    """
    asked, text = flag(spec, "unprivileged"), spec.option("idmap")
    if text is not None and not asked:
        raise UsageError("idmap belongs to unprivileged=true; give both, or leave it out")
    found = re.fullmatch(r"([0-9]+):([0-9]+)", str(text))
    if text is not None and (found is None or int(found[1]) == 0 or int(found[2]) == 0):
        raise UsageError(f"idmap={text}: expected BASE:SIZE, two numbers, as in 100000:65536")
    if os.geteuid() != 0:
        if text is not None:
            raise Unsupported("idmap is for root: a user's box has that user's id, as root, and no other")
        return IdMap(os.geteuid(), os.getegid(), 1)
    if not asked or plan_of(spec).granted:
        return None
    if found is not None:
        return IdMap(int(found[1]), int(found[1]), int(found[2]))
    return own_range() or IdMap(base := _free_base(), base, 65536)


def own_range() -> IdMap | None:
    """The first range root has for users and groups alike."""
    groups = [(first, size) for name, first, size in ranges("gid") if name in ("root", "0")]
    for name, first, size in ranges("uid"):
        if name in ("root", "0") and (first, size) in groups:
            return IdMap(first, first, size)
    return None


def _free_base() -> int:
    taken = [(first, first + count) for kind in KINDS for _, first, count in ranges(kind)]
    return next(base for base in FREE_IDS if all(end <= base or base + 65536 <= first for first, end in taken))
