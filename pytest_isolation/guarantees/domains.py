"""The domains of guarantees: checks/DOMAIN/domain.toml, one record each.

The report, the documents, attach and Inception read it: there is no other list of domains.

    title = "keys of the kernel"
    order = 100                  where it stands in a report: the smaller first
    attached = true              a box that somebody else started can be asked its guarantees
    entered = false              optional: its checks start and end boxes, and who enters one would change nothing
    alone = true                 optional: its checks read what all of the machine does; see Domain.alone
    inception = "I15"            optional: the rule of the audit that sums its guarantees up
    [parity]                     what must be alike of our process and the box's own, and for which guarantees
    "session keyring" = ["key.*"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from pytest_isolation.errors import UsageError

FILE = "domain.toml"
OPTIONAL = ("inception", "entered", "alone")
EXAMPLE = 'title = "keys of the kernel", order = {order}, attached = true and a table [parity], which may be empty'


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A subject of guarantees: domain.toml."""

    name: str
    title: str
    order: int
    attached: bool
    """Its guarantees can be asked of a box that somebody else started."""
    parity: Mapping[str, tuple[str, ...]]
    """A property of a process (technologies/attach/likeness.py) -> ids of the domain's guarantees, * for any text.

    They mean nothing of a box whose own processes differ in that from the one that was asked.
    """
    inception: str | None = None
    """The rule of the audit that sums its guarantees up."""
    entered: bool = True
    """Its guarantees are measured through the exec door, too; not where they are about a box's start and end."""
    alone: bool = False
    """Its checks follow numbers of the whole machine: while one is measured, no other process of the run measures."""


@cache
def checks_directory() -> Path:
    """Inside the package in a wheel, beside it in a checkout.  Raises UsageError when it is in neither."""
    package = Path(__file__).parents[1]
    for place in (package / "checks", package.parent / "checks"):
        if place.is_dir():
            return place
    raise UsageError(
        f"the built-in checks are not in this installation ({package / 'checks'} is missing); reinstall it"
    )


@cache
def domains() -> Mapping[str, Domain]:
    """Name -> record, in the order of a report.  Raises UsageError for a directory without one, or with a wrong one."""
    return read(checks_directory())


def read(checks: Path) -> Mapping[str, Domain]:
    """As `domains`, of the directory `checks`.  Raises UsageError as well where two domains have one order."""
    import tomllib

    found: list[Domain] = []
    without: list[str] = []
    for place in sorted(checks.iterdir()):
        if not place.is_dir() or place.name.startswith(("_", ".")):
            continue
        try:
            document = tomllib.loads((place / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            without.append(place.name)
            continue
        except ValueError as error:
            raise UsageError(f"checks/{place.name}/{FILE}: cannot be read as TOML: {error}; correct it") from None
        found.append(made(place.name, document))
    free = max((one.order for one in found), default=0) + 10
    if without:
        raise UsageError(f"checks/{without[0]} has no {FILE}; add one with {EXAMPLE.format(order=free)}")
    first: dict[int, Domain] = {}
    for one in found:
        if first.setdefault(one.order, one) is not one:
            told = f"checks/{one.name}/{FILE}: order = {one.order}, which checks/{first[one.order].name} has already"
            raise UsageError(f"{told}; expected one of its own, such as {free}")
    return {one.name: one for one in sorted(found, key=lambda one: (one.order, one.name))}


def made(name: str, document: Mapping[str, Any]) -> Domain:
    """The record of domain `name`.  Raises UsageError where a key is missing, unknown or of another type."""
    where = f"checks/{name}/{FILE}"
    kinds = {
        "title": str,
        "order": int,
        "attached": bool,
        "parity": dict,
        "inception": str,
        "entered": bool,
        "alone": bool,
    }
    assert {*kinds, "name"} == {one.name for one in fields(Domain)}
    for key, value in document.items():
        if key not in kinds:
            raise UsageError(f"{where}: the key {key!r} is not known; expected {', '.join(kinds)}")
        if type(value) is not kinds[key]:
            raise UsageError(f"{where}: {key} = {value!r}; expected {EXAMPLE.format(order=100)}")
    if missing := [key for key in kinds if key not in document and key not in OPTIONAL]:
        raise UsageError(f"{where} has no {missing[0]}; expected {EXAMPLE.format(order=100)}")
    parity = {}
    for what, ids in document["parity"].items():
        if not isinstance(ids, list) or not all(isinstance(one, str) and one.startswith(f"{name}.") for one in ids):
            raise UsageError(f'{where}: parity: {what} = {ids!r}; expected ids of the domain, such as ["{name}.*"]')
        parity[what] = tuple(ids)
    return Domain(name=name, **{**document, "parity": parity})


def words_of(name: str) -> str:
    """ "processes"; the name of a domain that is a user's own."""
    known = domains().get(name)
    return name if known is None else known.title


def title_of(name: str) -> str:
    """ "pid: processes"; the name alone of a domain that is a user's own."""
    return name if name not in domains() else f"{name}: {words_of(name)}"


def rests_on(what: str) -> tuple[str, ...]:
    """The guarantees, by id with * for any text, that mean nothing where this property is not alike.

    All of them, where no domain says that its own rest on it: nobody has thought about it.
    """
    return tuple(one for domain in domains().values() for one in domain.parity.get(what, ())) or ("*",)
