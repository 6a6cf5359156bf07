"""What each technology's own documents say about each guarantee: claims/TECHNOLOGY.toml.

    technology = "docker"
    [[claim]]
    defences = ["pid-namespace"]   what a hole takes away (holes.toml): said once for each
    guarantees = ["pid.x-y"]       ids of guarantees of which something else is said
    claim = "promised"             promised, conditional, disclaimed or silent
    source = "https://..."         where it is written
    says = "..."                   what is written there, in short
    when = {pid_mode = "!host"}    of a conditional claim (conditions.py): promised when true, else disclaimed

An entry names defences, guarantees, or both.  A guarantee without an entry of its own rests on the defences that its
falsifier takes away.  All of them have to be away before it breaks: so it is promised when one of them is, else
disclaimed when one is, else silent.  There is no pattern and no entry for the rest: `check` finds what is missing.

A technology of another package has the path of its file in an attribute `claims`.  One without a file makes no claims
that we know of: its boxes are judged by profile `container`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from pytest_isolation import technologies
from pytest_isolation.boxes.words import choice, nearest
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees import data, defences
from pytest_isolation.guarantees.conditions import agrees
from pytest_isolation.guarantees.verdicts import Claim
from pytest_isolation.technologies.base import further

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.guarantees.guarantee import Guarantee

KEYS = ("defences", "guarantees", "claim", "source", "says", "when")
STRONGEST = (Claim.PROMISED, Claim.DISCLAIMED, Claim.SILENT)
"""Of several defences, each of which keeps the guarantee by itself, the first of these decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing a technology's documents say."""

    claim: Claim
    source: str
    says: str
    when: Mapping[str, Any] = field(default_factory=dict)

    def of(self, spec: BoxSpec, facts: Mapping[str, Any]) -> Claim:
        """What is claimed of a box made from `spec`: never conditional."""
        if self.claim is not Claim.CONDITIONAL:
            return self.claim
        return Claim.PROMISED if agrees(self.when, spec, facts) else Claim.DISCLAIMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What one technology's documents say."""

    where: str
    """The file, for messages."""
    defences: Mapping[str, Statement]
    guarantees: Mapping[str, Statement]
    """Of these it is said otherwise: by id, before the defences."""

    def about(self, promise: Guarantee) -> tuple[Statement, ...]:
        """The statements of which the strongest decides; none where nothing is said of any of its defences."""
        if promise.id in self.guarantees:
            return (self.guarantees[promise.id],)
        return tuple(self.defences[one] for one in resting_on(promise) if one in self.defences)


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


def resting_on(promise: Guarantee) -> tuple[str, ...]:
    """The defences that the guarantee's falsifier takes away, in the order of the table of holes."""
    taken = {defences.by_hole().get(str(hole)) for hole in promise.falsified_by}
    return tuple(one for one in defences.names() if one in taken)


@cache
def claims_of(technology: str) -> Claims | None:
    """What the technology claims; None for one without a file.

    Raises UsageError for a file that is no list of claims, and for a defence that there is not.
    """
    document, where = data.read("claims", technology), f"claims/{technology}.toml"
    if document is None and technology in set(technologies.names()) - set(technologies.BUILT_IN):
        path = further(technologies.technology(technology)).claims
        document, where = (None, where) if path is None else (_read(path, technology), str(path))
    return None if document is None else parsed(document, where)


def _read(path: Path | Traversable, technology: str) -> dict[str, Any]:
    """The file that a technology of another package has its claims in.  Raises UsageError."""
    import tomllib

    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (AttributeError, OSError, ValueError) as error:
        raise UsageError(
            f"the claims of {technology}, {path}: cannot be read as TOML: {error}; correct the file, or the attribute "
            "`claims` of the technology, which is its pathlib.Path"
        ) from None
    if document.get("technology") != technology:
        raise UsageError(f"{path}: technology = {document.get('technology')!r}; expected {technology!r}")
    return document


def parsed(document: Mapping[str, Any], where: str) -> Claims:
    """The claims of one file.  Raises UsageError, beginning with `where`."""
    entries = document.get("claim")
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{where}: no [[claim]]; expected a claim for each defence")
    found = Claims(where=where, defences={}, guarantees={})
    for entry in entries:
        made = _statement(entry, where)
        for key, known in (("defences", found.defences), ("guarantees", found.guarantees)):
            for name in entry.get(key, ()):
                if key == "defences":
                    _known_defence(name, where)
                if name in known:
                    raise UsageError(f"{where}: {name} is there twice; keep one of the claims")
                known[name] = made  # type: ignore[index]
    return found


def _known_defence(name: object, where: str) -> None:
    if name in defences.names():
        return
    if (taken := defences.by_hole().get(str(name))) is not None:
        raise UsageError(f"{where}: defences: the hole {name} takes away {taken}; name that")
    raise UsageError(f"{where}: defences: {name!r} is no defence; {choice(str(name), defences.names())}")


def _statement(entry: Mapping[str, Any], where: str) -> Statement:
    for key in ("defences", "guarantees"):
        given = entry.get(key, [])
        if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
            raise UsageError(f"{where}: {key} = {given!r}; expected a list of texts")
    named = [*entry.get("defences", ()), *entry.get("guarantees", ())]
    where = f"{where}: {named[0]}" if named else where
    if not named:
        raise UsageError(f"{where}: a claim of nothing ({entry.get('says')!r}); name its defences or guarantees")
    if unknown := sorted(set(entry) - set(KEYS)):
        raise UsageError(f"{where}: the key {unknown[0]!r} is not known; {choice(unknown[0], KEYS)}")
    words = [str(one) for one in Claim]
    if entry.get("claim") not in words:
        raise UsageError(f"{where}: claim = {entry.get('claim')!r}; {choice(str(entry.get('claim')), words)}")
    for key in ("source", "says"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise UsageError(
                f"{where}: {key} = {entry.get(key)!r}; expected a text, which quotes the technology's documents"
            )
    made = Statement(
        claim=Claim(entry["claim"]), source=entry["source"], says=entry["says"], when=entry.get("when", {})
    )
    if (made.claim is Claim.CONDITIONAL) != bool(made.when):
        raise UsageError(
            f"{where}: claim = {entry['claim']!r}, when = {made.when}: `conditional` and `when` go together"
        )
    return made


def check(technology: str, owed: Iterable[Guarantee], known: Collection[str]) -> None:
    """Raises UsageError when `technology` has claims that leave a defence out, or name a guarantee there is not.

    `owed`: the guarantees whose defences must be claimed: those of the built-in checks.  The author of another one can
    add nothing to the claims of a technology.  `known`: the ids of all there are.
    """
    found = claims_of(technology)
    if found is None:
        return
    for name in found.guarantees:
        if name not in known:
            raise UsageError(f"{found.where}: guarantees: there is no guarantee {name!r}; {nearest(name, known)}")
    for promise in owed:
        if promise.id in found.guarantees:
            continue
        for defence in resting_on(promise):
            if defence not in found.defences:
                raise UsageError(
                    f"{found.where}: nothing is said of the defence {defence}, on which {promise.id} rests; "
                    "add a claim, silent if the documents say nothing"
                )


def of_all(said: Iterable[Resolved]) -> Resolved:
    """What boxes are promised about each other: what each of their technologies promises.

    The first that does not promise it decides, then the first whose claims we do not know.
    """
    found = list(said)
    return min(found, key=lambda one: (not one.known or one.claim is Claim.PROMISED, one.known))


def resolve(promise: Guarantee, spec: BoxSpec, *, facts: Mapping[str, Any] | None = None) -> Resolved:
    """What `spec`'s technology claims about the guarantee for a box made from `spec`.

    `facts`: the technology's facts(spec).  A box with a hole that belongs to the guarantee's falsifier
    is promised nothing about it: whoever opened the hole took the promise away.
    """
    by = spec.technology
    known = claims_of(by)
    if known is None:
        return Resolved(claim=Claim.SILENT, by=by, known=False)
    said = [(one.of(spec, facts or {}), one) for one in known.about(promise)]
    if not said:
        return Resolved(claim=Claim.SILENT, by=by)
    if opened := sorted(map(str, spec.weakenings & promise.falsified_by)):
        return Resolved(claim=Claim.DISCLAIMED, by=by, source="the box spec", says=f"weakened by {', '.join(opened)}")
    claim, one = min(said, key=lambda pair: STRONGEST.index(pair[0]))
    return Resolved(claim=claim, source=one.source, says=one.says, by=by)
