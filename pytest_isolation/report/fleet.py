"""Reports of many hosts as one: for each host who it is, and in what it deviates from most of them.

Linear in time and memory: each file is read once, one at a time, and all that is kept of a host is a byte a row and a
few interned texts.  A row's majority is known when all are read; what deviates from it is told host by host.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Any

from pytest_isolation.door import Door
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report.lines import counted
from pytest_isolation.report.run import SCHEMA

FLEET = "pytest-isolation/fleet/1"
LARGEST = 256 << 20
"""Bytes of one report: a larger one would not be read in a memory that does not grow."""
VERDICTS = ("not measured", *Verdict)
"""A verdict is its place here.  Of as many hosts on two sides, the earlier one is the majority's."""
Key = tuple[str, str, str, str | None]
"""(box, guarantee, door, sibling)."""
FACTS = ("pytest-isolation", "kernel", "arch", "cgroup", "root")


@dataclass(frozen=True, slots=True)
class Host:
    """One report of many, of the machine it is named after."""

    name: str
    file: str
    exit: int
    facts: tuple[tuple[str, str], ...]
    """(what, its value): of the machine, and the version of each box."""
    verdicts: bytes
    """A place in VERDICTS for each key that was known when it was read; of later ones it has none."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A row in which a host differs from most."""

    key: Key
    verdict: str
    majority: str

    @property
    def place(self) -> str:
        """The box, its door where that is exec, and who is beside it."""
        box, _, door, sibling = self.key
        return box + ("@exec" if door == Door.EXEC else "") + (f" beside {sibling}" if sibling else "")


@dataclass(slots=True)
class Fleet:
    """Many reports, as far as `pytest-isolation merge` compares them."""

    hosts: list[Host] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    """(file, why)."""
    keys: dict[Key, int] = field(default_factory=dict)
    counts: list[list[int]] = field(default_factory=list)
    """For each key, hosts by VERDICTS; those that do not have it are counted in `close`."""
    facts: dict[str, Counter[str]] = field(default_factory=dict)
    same: dict[bytes, bytes] = field(default_factory=dict)
    """Hosts that say the same keep it once."""

    def add(self, name: str, file: str, document: dict[str, Any]) -> None:
        """Raises ValueError, TypeError, KeyError for what is no report."""
        if document.get("schema") != SCHEMA:
            raise ValueError(f"schema {document.get('schema')!r}; expected {SCHEMA!r}")
        held = bytearray(len(self.keys))
        rows = [
            ((row["box"], row["guarantee"], row["door"], row["sibling"]), _place(row["verdict"]))
            for row in document["results"]
        ]
        told = tuple(_facts(document))
        exit_status = int(document["run"]["exit"])
        for key, verdict in rows:
            number = self.keys.get(key)
            if number is None:
                number = self.keys[tuple(intern(one) if one is not None else None for one in key)] = len(self.keys)  # type: ignore[index]
                self.counts.append([0] * len(VERDICTS))
            if number >= len(held):
                held.extend(bytes(number + 1 - len(held)))
            held[number] = verdict
        for number, verdict in enumerate(held):
            self.counts[number][verdict] += verdict > 0
        for what, value in told:
            self.facts.setdefault(what, Counter())[value] += 1
        kept = bytes(held)
        self.hosts.append(Host(name, file, exit_status, told, self.same.setdefault(kept, kept)))

    def majority(self) -> list[int]:
        """For each key, a place in VERDICTS."""
        found = []
        for counts in self.counts:
            all_of = [len(self.hosts) - sum(counts), *counts[1:]]
            found.append(max(range(len(VERDICTS)), key=lambda verdict: (all_of[verdict], verdict > 0, -verdict)))
        return found

    def usual(self) -> dict[str, str]:
        """What of the machine most hosts have."""
        return {what: held.most_common(1)[0][0] for what, held in self.facts.items()}

    def deviations(self) -> Iterator[tuple[Host, list[Deviation], dict[str, str]]]:
        """(host, in which rows it deviates, in what of its machine), host by host."""
        most, usual, keys = self.majority(), self.usual(), list(self.keys)
        whole = bytes(most)
        known: dict[bytes, list[int]] = {}
        for host in self.hosts:
            numbers = known.get(host.verdicts)
            if numbers is None:
                padded = host.verdicts.ljust(len(whole), b"\0")
                numbers = known[host.verdicts] = [
                    number for number, (ours, theirs) in enumerate(zip(padded, whole, strict=True)) if ours != theirs
                ]
            rows = [
                Deviation(
                    keys[number],
                    VERDICTS[host.verdicts[number] if number < len(host.verdicts) else 0],
                    VERDICTS[most[number]],
                )
                for number in numbers
            ]
            yield host, rows, {what: value for what, value in host.facts if usual[what] != value}

    @property
    def failed(self) -> tuple[Host, ...]:
        """Those whose own run failed."""
        return tuple(host for host in self.hosts if host.exit not in (0, 5))


def _place(verdict: object) -> int:
    if verdict not in VERDICTS[1:]:
        raise ValueError(f"a verdict is {verdict!r}; expected {', '.join(VERDICTS[1:])}")
    return VERDICTS.index(str(verdict))


def _facts(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    host = document["host"]
    yield FACTS[0], intern(str(document["tool"]["version"]))
    for key in FACTS[1:]:
        yield key, intern(str(host[key]))
    for box in document["boxes"]:
        said = "not available" if not box["available"] else str(box["version"] or "available")
        yield intern(f"{box['name']} version"), intern(said)


def files(given: Iterable[str], unreadable: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """(the name of its host, the path) of each file given, and of each .json below a directory, in order.

    A directory that cannot be listed, or has none, is added to `unreadable` with the reason.

    A report does not name its host: the file does, as a scheduler writes HOST.json; below a directory with the way
    there.
    """
    for one in given:
        if not os.path.isdir(one):
            yield Path(one).stem, one
            continue
        known = len(unreadable)
        empty = True
        for directory, below, names in os.walk(one, onerror=lambda error: unreadable.append(_why(error))):
            below.sort()
            for name in sorted(names):
                if name.endswith(".json"):
                    path, empty = os.path.join(directory, name), False
                    yield os.path.relpath(path, one).removesuffix(".json"), path
        if empty and len(unreadable) == known:
            unreadable.append((one, "no file below it is called *.json"))


def _why(error: OSError) -> tuple[str, str]:
    return str(error.filename), str(error.strerror or error)


def read(given: Iterable[str]) -> Fleet:
    """Every report; a file that is none is named in `unreadable`."""
    fleet = Fleet()
    taken: Counter[str] = Counter()
    for name, path in files(given, fleet.unreadable):
        taken[name] += 1
        if taken[name] > 1:
            name = f"{name} ({path})"
        try:
            size = os.stat(path).st_size
            if size > LARGEST:
                raise ValueError(f"{size >> 20} MiB; expected a report of {LARGEST >> 20} MiB at most")
            document = json.loads(Path(path).read_bytes())
            if not isinstance(document, dict):
                raise TypeError(f"it holds a {type(document).__name__}")
            fleet.add(name, path, document)
        except OSError as error:
            fleet.unreadable.append((path, str(error.strerror or error)))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            fleet.unreadable.append((path, " ".join(said.split())[:300]))
    return fleet


# -- as JSON, and in words -------------------------------------------------------------


def written(fleet: Fleet) -> Iterator[str]:
    """The report as JSON, piece by piece."""
    most, usual = fleet.majority(), fleet.usual()
    head = {
        "schema": FLEET,
        "hosts": len(fleet.hosts),
        "failed": [host.name for host in fleet.failed],
        "unreadable": [{"file": file, "why": why} for file, why in fleet.unreadable],
        "usual": usual,
        "rows": [
            {
                "box": key[0], "guarantee": key[1], "door": key[2], "sibling": key[3],
                "majority": VERDICTS[most[number]],
                "hosts": _counted(fleet, number),
            }
            for key, number in fleet.keys.items()
        ],
    }  # fmt: skip
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "by_host": [\n'
    first = True
    for host, rows, differs in fleet.deviations():
        row = {
            "host": host.name,
            "file": host.file,
            "exit": host.exit,
            "differs": differs,
            "deviates": [
                {
                    "box": one.key[0], "guarantee": one.key[1], "door": one.key[2], "sibling": one.key[3],
                    "verdict": one.verdict, "majority": one.majority,
                }
                for one in rows
            ],
        }  # fmt: skip
        yield ("" if first else ",\n") + json.dumps(row, ensure_ascii=False)
        first = False
    yield "\n]}\n"


def _counted(fleet: Fleet, number: int) -> dict[str, int]:
    counts = fleet.counts[number]
    absent = len(fleet.hosts) - sum(counts)
    return {word: count for word, count in zip(VERDICTS, [absent, *counts[1:]], strict=True) if count}


def headline(fleet: Fleet, deviating: int) -> str:
    """ "3 hosts, 146 rows: 1 deviates, 0 failed, 1 unreadable: FAILED"."""
    bad = bool(fleet.unreadable or fleet.failed or not fleet.hosts)
    return (
        f"{counted(len(fleet.hosts), 'host')}, {counted(len(fleet.keys), 'row')}: "
        f"{counted(deviating, 'deviates', 'deviate')}, {len(fleet.failed)} failed, "
        f"{len(fleet.unreadable)} unreadable: {'FAILED' if bad else 'passed'}"
    )


MOST_HOSTS, MOST_ROWS = 40, 8
"""In words; the JSON report has all."""


def words(fleet: Fleet) -> Iterator[str]:
    """Lines: the unreadable and the failed first, then who deviates, those alike together; the headline is last."""
    for file, why in fleet.unreadable:
        yield f"UNREADABLE {file}: {why}"
    if fleet.unreadable or not fleet.hosts:
        yield "to do: name files that `pytest --isolation --isolation-report json:FILE` wrote, or a directory of them"
    for host in fleet.failed:
        yield f"FAILED {host.name}: its run ended with {host.exit} ({host.file})"
    groups: dict[tuple[tuple[Deviation, ...], tuple[tuple[str, str], ...]], list[str]] = {}
    deviating = 0
    for host, rows, differs in fleet.deviations():
        if rows or differs:
            deviating += bool(rows)
            groups.setdefault((tuple(rows), tuple(differs.items())), []).append(host.name)
    usual = fleet.usual()
    ordered = sorted(groups.items(), key=lambda one: (not one[0][0], -len(one[1])))
    for (found, others), names in ordered[:MOST_HOSTS]:
        yield f"{_names(names)}:"
        for what, value in others:
            yield f"  {what} {value}; most have {usual[what]}"
        for one in found[:MOST_ROWS]:
            yield f"  {one.place}: {one.key[1]}: {one.verdict}; {one.majority} on most"
        if len(found) > MOST_ROWS:
            yield f"  and {len(found) - MOST_ROWS} rows more"
    if len(ordered) > MOST_HOSTS:
        yield f"and {len(ordered) - MOST_HOSTS} further ways to deviate: the JSON report has all"
    yield headline(fleet, deviating)


def _names(names: Sequence[str]) -> str:
    few = ", ".join(names[:5])
    return few if len(names) <= 5 else f"{few} and {len(names) - 5} hosts more"
