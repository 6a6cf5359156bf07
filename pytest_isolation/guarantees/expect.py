"""The baseline: the violations a project has looked at and lives with (--isolation-expect FILE).

    [[violation]]
    box = "docker"
    guarantee = "net.host-services-by-gateway"
    why = "the bridge's gateway is the host: wanted"         optional, and so are: door = "exec", sibling = "podman"
    expires = 2027-06-30                                     the last day on which it is accepted; without it: always

The same as JSON, {"violation": [{...}]}, will do, and so will an earlier run's JSON report: its
violations are the known ones.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.words import choice, nearest
from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.renamed import current
from pytest_isolation.guarantees.verdicts import Key, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

KEYS = ("box", "guarantee", "door", "sibling", "why", "expires")
"""Of an entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The violations that are known and accepted: --isolation-expect."""

    file: str
    known: Mapping[Key, str] = field(default_factory=dict)
    """Key -> why it is accepted, or an empty text."""
    expired: Mapping[Key, date] = field(default_factory=dict)
    """Key -> the last day on which it was accepted: it is not known any more."""

    def __contains__(self, key: Key) -> bool:
        return key in self.known

    def check_ids(self, known: Collection[str]) -> None:
        """Raises UsageError, naming them, for violations of guarantees that do not exist: they would accept nothing.

        `known`: every guarantee there is, whatever --isolation-only selects.
        """
        for _, guarantee, *_ in sorted((*self.known, *self.expired), key=str):
            if guarantee in known:
                continue
            where = f"--isolation-expect {self.file!r}: {guarantee!r}"
            if fits := sorted(one for one in known if fnmatchcase(one, guarantee)):
                raise UsageError(f"{where} is a pattern; expected one guarantee in each entry: {', '.join(fits)}")
            raise UsageError(
                f"{where} is no guarantee; {nearest(guarantee, known)}. Correct it, take the entry out, or give the "
                "check's path too if it is your own"
            )

    def vanished(self, measured: Iterable[tuple[Key, Verdict]]) -> tuple[str, ...]:
        """A sentence for each known violation that was measured in this run and holds now."""
        held = {key for key, verdict in measured if verdict is Verdict.HOLDS}
        return tuple(
            f"{guarantee} is no longer violated in {box}{f' beside {sibling}' if sibling else ''} (door {door}): "
            f"remove it from {self.file}"
            for box, guarantee, door, sibling in sorted(held & set(self.known), key=str)
        )

    def lapsed(self, measured: Iterable[tuple[Key, Verdict]]) -> tuple[str, ...]:
        """A sentence for each violation of this run whose acceptance is over."""
        broken = {key for key, verdict in measured if verdict is Verdict.VIOLATED}
        return tuple(
            f"{key.guarantee} in {key.box}{f' beside {key.sibling}' if key.sibling else ''} (door {key.door}) was "
            f"accepted until {self.expired[key]}: mend it, or accept it anew with `pytest-isolation expect`"
            for key in sorted(broken & set(self.expired), key=str)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One accepted violation."""

    key: Key
    why: str = ""
    expires: date | None = None


def load(asked: str, base: Path, *, today: date | None = None) -> Baseline:
    """The baseline file `asked`, relative to `base`, as it is `today`.  Raises UsageError when it is not one."""
    where = f"--isolation-expect {asked!r}"
    path = base / asked
    if "\0" in asked or not os.path.isfile(path):
        raise UsageError(
            f"{where}: no such file, or none that this user may see; expected a baseline in TOML or JSON. To start "
            "one, write this run's report with --isolation-report json:FILE and give that"
        )
    try:
        found = entries(path, where)
    except OSError as error:
        raise UsageError(f"{where}: cannot be read: {error.strerror}; expected TOML or JSON") from None
    today = today or datetime.now(UTC).date()
    return Baseline(
        file=asked,
        known={one.key: one.why for one in found if one.expires is None or today <= one.expires},
        expired={one.key: one.expires for one in found if one.expires is not None and today > one.expires},
    )


def entries(path: Path, where: str) -> tuple[Entry, ...]:
    """What the baseline at `path` accepts or has accepted, by today's ids.  Raises UsageError, OSError."""
    try:
        document = _parsed(path)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: cannot be read: {error}; expected TOML or JSON") from None
    if not isinstance(document, dict):
        raise UsageError(f"{where}: the file holds {type(document).__name__}; expected an object with `violation`")
    return tuple(_entries(document, where))


def _parsed(path: Path) -> Any:
    import tomllib

    text = path.read_text(encoding="utf-8")
    return json.loads(text) if text.lstrip()[:1] in ("{", "[") and path.suffix != ".toml" else tomllib.loads(text)


def _entries(document: Mapping[str, Any], where: str) -> Iterator[Entry]:
    if isinstance(document.get("results"), list):
        entries = [
            row for row in document["results"] if isinstance(row, dict) and row.get("verdict") == Verdict.VIOLATED
        ]
    elif isinstance(document.get("violation", []), list) and not set(document) - {"violation"}:
        entries = document.get("violation", [])
        for entry in entries:
            if isinstance(entry, dict) and (unknown := sorted(set(entry) - set(KEYS))):
                raise UsageError(f"{where}: a violation has the key {unknown[0]!r}; {choice(unknown[0], KEYS)}")
    else:
        raise UsageError(f"{where}: it has {', '.join(sorted(document))}; expected only [[violation]] tables")
    for entry in entries:
        texts = [entry.get(key) for key in ("box", "guarantee")] if isinstance(entry, dict) else []
        if len(texts) != 2 or not all(isinstance(text, str) and text for text in texts):
            raise UsageError(f"{where}: the violation {entry!r} has no box or no guarantee; give both as texts")
        door = entry.get("door", "start")
        if door not in ("start", "exec"):
            raise UsageError(f"{where}: {entry['guarantee']} has door {door!r}; expected start or exec")
        sibling = entry.get("sibling")
        if not (sibling is None or (isinstance(sibling, str) and sibling)):
            raise UsageError(f"{where}: {entry['guarantee']} has sibling {sibling!r}; expected the name of a box")
        key = Key(entry["box"], current(entry["guarantee"]), Door(door), sibling)
        yield Entry(key=key, why=str(entry.get("why", "")), expires=_day(entry, where))


def _day(entry: Mapping[str, Any], where: str) -> date | None:
    """`expires`: a date of TOML's, or a text of JSON's."""
    given = entry.get("expires")
    if given is None:
        return None
    if isinstance(given, datetime):
        return given.date()
    if isinstance(given, date):
        return given
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError):
        raise UsageError(
            f"{where}: {entry['guarantee']} has expires {given!r}; expected a day, as in 2027-06-30"
        ) from None
