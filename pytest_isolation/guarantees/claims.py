"""What each technology's own documents say about each guarantee: claims/TECHNOLOGY.toml.

    technology = "docker"
    [[claim]]
    guarantees = ["pid.*"]         ids; "cg.mem.*" for all below, "*" for all: the longest that fits wins
    claim = "promised"             promised, conditional, disclaimed or silent
    source = "https://..."         where it is written
    says = "..."                   what is written there, in short
    when = {pid_mode = "!host"}    of a conditional claim (conditions.py): promised when true, else disclaimed

What no entry fits is silent.  A technology without a file makes no claims that we know of: its boxes
are judged by profile `container`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees import data
from pytest_isolation.guarantees.conditions import agrees
from pytest_isolation.guarantees.verdicts import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.boxes.weakenings import Weakenings


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing a technology's documents say."""

    claim: Claim
    source: str
    says: str
    when: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a technology says about one guarantee of one box: never conditional."""

    claim: Claim
    source: str | None = None
    says: str | None = None
    by: str = ""
    """The technology."""
    known: bool = True
    """False: the technology has no file of claims."""


@cache
def statements(technology: str) -> Mapping[str, Statement] | None:
    """Pattern -> statement; None for a technology without a file.  Raises ValueError for a malformed file."""
    document = data.read("claims", technology)
    if document is None:
        return None
    found: dict[str, Statement] = {}
    for entry in document["claim"]:
        made = Statement(
            claim=Claim(entry["claim"]), source=entry["source"], says=entry["says"], when=entry.get("when", {})
        )
        if (made.claim is Claim.CONDITIONAL) != bool(made.when):
            raise ValueError(f"claims/{technology}.toml: {entry['guarantees']}: conditional and `when` go together")
        for pattern in entry["guarantees"]:
            if pattern in found:
                raise ValueError(f"claims/{technology}.toml: {pattern} is there twice")
            found[pattern] = made
    return found


def lookup(technology: str, guarantee: str) -> Statement | None:
    """The statement whose pattern fits best: the id itself, then the longest prefix.* ."""
    known = statements(technology) or {}
    parts = guarantee.split(".")
    patterns = [guarantee, *(".".join((*parts[:end], "*")) for end in range(len(parts) - 1, 0, -1)), "*"]
    return next((known[pattern] for pattern in patterns if pattern in known), None)


def of_all(said: Iterable[Resolved]) -> Resolved:
    """What boxes are promised about each other: what each of their technologies promises.

    The first that does not promise it decides, then the first whose claims we do not know.
    """
    found = list(said)
    return min(found, key=lambda one: (not one.known or one.claim is Claim.PROMISED, one.known))


def resolve(
    guarantee: str, spec: BoxSpec, *, facts: Mapping[str, Any] | None = None, falsified_by: Weakenings = frozenset()
) -> Resolved:
    """What `spec`'s technology claims about `guarantee` for a box made from `spec`.

    `facts`: the technology's facts(spec).  A box with a hole that belongs to the guarantee's falsifier
    is promised nothing about it: whoever opened the hole took the promise away.
    """
    by = spec.technology
    if statements(by) is None:
        return Resolved(claim=Claim.SILENT, by=by, known=False)
    said = lookup(by, guarantee)
    if said is None:
        return Resolved(claim=Claim.SILENT, by=by)
    claim = said.claim
    if claim is Claim.CONDITIONAL:
        claim = Claim.PROMISED if agrees(said.when, spec, facts or {}) else Claim.DISCLAIMED
    if opened := sorted(map(str, spec.weakenings & falsified_by)):
        return Resolved(claim=Claim.DISCLAIMED, by=by, source="the box spec", says=f"weakened by {', '.join(opened)}")
    return Resolved(claim=claim, source=said.source, says=said.says, by=by)
