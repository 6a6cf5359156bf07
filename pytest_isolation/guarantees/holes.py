"""Why a guarantee is broken, and how to keep it: holes.toml, by hole and by technology."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pytest_isolation.guarantees import data

CONTAINERS = ("docker", "podman", "cri", "lxc", "nspawn", "runc", "crun", "gvisor", "namespaces")
"""Technologies whose boxes are called so."""
FIRST = ("share", "expose", "join", "unlimited", "lossy", "drop", "grant")
"""Of several holes that break a guarantee together, the usual cause is the first of these kinds."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why a guarantee was broken, as far as one can tell, and what to do."""

    cause: str
    remedy: str
    seen: bool
    """The cause was found in what the box was given; else it is the usual one."""


@cache
def table() -> dict[str, dict[str, Any]]:
    """`hole` and `guarantee`: name -> its entry; `alone`: technology -> remedy."""
    found = data.read(".", "holes")
    assert found is not None
    return found


def why(guarantee: str, holes: Iterable[str], technology: str, given: Mapping[str, str]) -> Why | None:
    """The cause that was seen, else what usually breaks `guarantee`; None where nothing is known of it.

    `holes`: those that break it.  `given`: what the box was given, as `namespace:pid`, and the holes it was started
    with, as `hole:share-pid` -> more words about it, or "".
    """
    likely = sorted(holes, key=lambda hole: FIRST.index(kind) if (kind := hole.split("-")[0]) in FIRST else len(FIRST))
    known = [(hole, table()["hole"][hole]) for hole in likely if hole in table()["hole"]]
    for hole, entry in known:
        if (
            shown := next((key for key in (f"hole:{hole}", *entry.get("given", ())) if key in given), None)
        ) is not None:
            return _said(entry, technology, given[shown], seen=True)
    by_itself = table()["guarantee"].get(guarantee)
    entry = by_itself or next((entry for _, entry in known), None)
    return _said(entry, technology) if entry is not None else None


def _said(entry: dict[str, Any], technology: str, what: str = "", *, seen: bool = False) -> Why:
    cause = str(entry["cause"]).replace("{box}", "container" if technology in CONTAINERS else "box")
    remedy = str(entry.get(technology) or table()["alone"].get(technology) or entry["do"])
    return Why(f"{cause}: {what}" if what else cause, remedy, seen)
