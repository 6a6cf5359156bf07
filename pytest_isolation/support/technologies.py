"""Which technologies a kernel can run, from what was found of its features (technologies.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pytest_isolation.support.explain import As, Finding
from pytest_isolation.support.feature import RUN_AS_ROOT
from pytest_isolation.technologies.program import which

if TYPE_CHECKING:
    from pytest_isolation.support.own import Own


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a technology asks of a kernel for one user; "A|B" is either."""

    needs: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """A technology, as far as a kernel is concerned."""

    name: str
    programs: tuple[str, ...]
    packages: tuple[str, ...]
    root: Wishes
    user: Wishes

    def wishes(self, as_: As) -> Wishes:
        """What it asks for as that user."""
        return self.root if as_ == "root" else self.user


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a technology can run on a kernel, as one user."""

    technology: str
    can_run: str
    """yes, partly (something it wants is missing) or no."""
    missing: tuple[str, ...]
    """Ids of features, "A|B" when neither works, or `program NAME`; what it cannot do without first."""
    remedies: tuple[str, ...]
    lost: tuple[str, ...] = ()
    """Those of `missing` without which it runs."""
    reason: str | None = None
    """Why it cannot run, in the technology's own words; None: it does not say so itself."""


@cache
def technologies() -> tuple[Asking, ...]:
    """All of technologies.toml."""
    data = tomllib.loads((files("pytest_isolation.support") / "technologies.toml").read_text(encoding="utf-8"))
    return tuple(
        Asking(
            name,
            tuple(table.get("programs", ())),
            tuple(table.get("packages", ())),
            _wishes(table["root"]),
            _wishes(table["user"]),
        )
        for name, table in data.items()
    )


def _wishes(table: Mapping[str, Any]) -> Wishes:
    return Wishes(tuple(table.get("needs", ())), tuple(table.get("wants", ())))


def needed_by(feature: str, as_: As) -> tuple[str, ...]:
    """The technologies that cannot run without the feature (or one that serves as well)."""
    return tuple(one.name for one in technologies() if feature in _ids(one.wishes(as_).needs))


def wanted_by(feature: str, as_: As) -> tuple[str, ...]:
    """The technologies that lose something without the feature."""
    return tuple(one.name for one in technologies() if feature in _ids(one.wishes(as_).wants))


def _ids(wishes: Sequence[str]) -> list[str]:
    return [id for wish in wishes for id in wish.split("|")]


def judge(
    found: Mapping[str, Finding],
    as_: As,
    *,
    programs: bool,
    own: Mapping[str, Own] | None = None,
    start: Callable[[str], Own] | None = None,
) -> list[Judged]:
    """Each technology, given what was found for this user; `programs`: whether they are sought on this machine.

    `own` is what the technologies say themselves: none runs that says it cannot.  Where one sees no obstacle and
    the trials do, `start` decides, which starts a box; without it the trials do.
    """
    return [_judge(one, one.wishes(as_), found, programs, (own or {}).get(one.name), start) for one in technologies()]


def _judge(
    one: Asking,
    wishes: Wishes,
    found: Mapping[str, Finding],
    programs: bool,
    own: Own | None,
    start: Callable[[str], Own] | None,
) -> Judged:
    fatal: list[str] = []
    remedies: list[str] = []
    if programs:
        for names, package in zip(one.programs, one.packages, strict=True):
            if not any(map(which, names.split("|"))):
                fatal.append(f"program {names.replace('|', ' or ')}")
                remedies.append(f"apt install {package}")
    fatal += _missing(wishes.needs, found, remedies)
    lost = _missing(wishes.wants, found, remedies)
    missing = (*fatal, *lost)
    if fatal and own is not None and own.reason is None and start is not None:
        own = start(one.name)
        fatal, lost = ([], list(missing)) if own.reason is None else (fatal, lost)
    reason = own.reason if own is not None else None
    if own is not None and own.remedy:
        remedies.insert(0, own.remedy)
    can_run = "no" if fatal or reason is not None else "partly" if lost else "yes"
    return Judged(one.name, can_run, missing, shortest(remedies), tuple(lost), reason)


def shortest(remedies: Sequence[str]) -> tuple[str, ...]:
    """Each once; where one is to run as root anyway, those to which that is the other way go."""
    every = tuple(dict.fromkeys(remedies))
    if RUN_AS_ROOT not in every:
        return every
    return tuple(one for one in every if one == RUN_AS_ROOT or RUN_AS_ROOT not in one)


def _missing(wishes: Sequence[str], found: Mapping[str, Finding], remedies: list[str]) -> list[str]:
    missing = []
    for wish in wishes:
        findings = [found[id] for id in wish.split("|") if id in found and found[id].tried]
        if findings and not any(finding.status == "works" for finding in findings):
            missing.append(wish)
            remedies += [finding.remedy for finding in findings if finding.remedy][:1]
    return missing
