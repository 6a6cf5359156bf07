"""Which release is the penultimate stable one on a day."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

GRACE = timedelta(days=30)
"""A release during a project changes the answer: the one before stays right this long."""
STALE = timedelta(days=120)
"""Alpine releases every six months: older data than this may miss one."""

SUBJECTS = (
    ("1.1", date(2022, 9, 5)), ("1.3", date(2023, 2, 1)), ("3", date(2024, 4, 8)), ("3.2", date(2025, 3, 11)),
    ("4", date(2025, 6, 1)), ("5", date(2025, 11, 28)), ("5.2", date(2026, 2, 1)), ("5.4", date(2026, 6, 1)),
)  # fmt: skip
"""Versions of the subject and since when; those of 4, 5.2 and 5.4 are known to a few months only."""


def number(version: str) -> float:
    """A subject's version as a number that orders them."""
    major, _, minor = version.partition(".")
    return int(major) + int(minor or 0) / 100


@dataclass(frozen=True, slots=True)
class Series:
    """A release series of a distribution, by name and version, and the day it came out."""

    family: str
    name: str
    version: str
    released: date


@cache
def _data() -> tuple[date, tuple[Series, ...]]:
    document = tomllib.loads((files("pytest_isolation.inception") / "data/releases.toml").read_text(encoding="utf-8"))
    rows = tuple(
        Series(family, name, row["version"], row["released"])
        for family in ("debian", "alpine")
        for name, row in document[family].items()
    )
    return document["as_of"], rows


def as_of() -> date:
    """The day until which the table of releases is known to be whole."""
    return _data()[0]


def stale_note(day: date) -> str | None:
    """What to say when releases after the data's day may be missing."""
    if day - as_of() <= STALE:
        return None
    return f"the table of releases is as of {as_of()}: a release since then would change the penultimate one"


def penultimate(family: str, day: date) -> Series | None:
    """The second newest series that is out on `day`; None where the table has fewer than two."""
    out = sorted((one for one in _data()[1] if one.family == family and one.released <= day), key=lambda s: s.released)
    return out[-2] if len(out) >= 2 else None


def accepted(family: str, day: date) -> list[Series]:
    """The penultimate series; within GRACE of a release also the one that was it before."""
    found = [penultimate(family, day), penultimate(family, day - GRACE)]
    return [one for number, one in enumerate(found) if one is not None and one not in found[:number]]


def series_of(family: str, tag: str, day: date) -> Series | str | None:
    """The series a tag names.  A text says why it names none: it floats.  None: not a tag we know."""
    rows = [one for one in _data()[1] if one.family == family]
    plain = re.sub(r"-\d{8}(T\d+Z)?", "", tag.removesuffix("-slim")).removesuffix("-slim")
    if family == "debian":
        words = {"stable": 1, "oldstable": 2, "oldoldstable": 3}
        if plain in words:
            if plain == "stable":
                return "`stable` moves with every release"
            out = sorted((one for one in rows if one.released <= day), key=lambda one: one.released)
            return out[-words[plain]] if len(out) >= words[plain] else None
        return next((one for one in rows if plain == one.name or plain.split(".")[0] == one.version), None)
    if plain in ("3", "edge", "latest"):
        return f"`{plain}` moves with every release"
    return next((one for one in rows if re.fullmatch(rf"{re.escape(one.version)}(\.\d+)?", plain)), None)
