"""A family: one check over a table, and a guarantee for each entry of the table.

dropped = family("cap.{entry.slug}-dropped", over=CAPABILITIES,
                 claim="no process of the box has {entry.name} in any of its five sets",
                 sources=("man:capabilities(7)",),
                 severity=lambda entry: severity.surface(f"has {entry.name}"),
                 falsified_by=lambda entry: weaken.grant(entry.short))

@dropped
@given(pid=...)
def test_...(box, promise, entry, pid):
    promise.require(entry.number not in ..., reply)

Each member is a guarantee as any other: an id, a claim, a falsifier, a row and a verdict of its own.  The check is
called with the member as `promise` and, where it asks for it, with the entry as `entry`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pytest_isolation.boxes.weakenings import Weakening
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.guarantee import (
    ATTRIBUTE,
    ENTRY,
    PROMISE,
    Guarantee,
    Kind,
    Oracle,
    declared,
    guarantee_of,
)
from pytest_isolation.guarantees.property import Check
from pytest_isolation.guarantees.severity import Consequence

E = TypeVar("E")
F = TypeVar("F", bound=Callable[..., Any])

FIELD = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A decorator, as a guarantee is."""

    name: str
    """The pattern of its ids, `cap.*-dropped`: also what --isolation-only takes to mean all of them."""
    members: tuple[Guarantee, ...]
    """In the order of the table."""
    file: str

    def __call__(self, test: F) -> F:
        """Raises UsageError for a check that takes no `promise`: it would not know whose promise it is to require."""
        if PROMISE not in inspect.signature(test).parameters:
            raise UsageError(
                f"{Path(self.file).name}: the check of family {self.name} takes no `promise`; add it as a parameter: "
                "it is the member that is measured"
            )
        setattr(test, ATTRIBUTE, self)
        return test


def family(
    id: str,
    *,
    over: Iterable[E],
    claim: str | Callable[[E], str],
    sources: Iterable[str] | Callable[[E], Iterable[str]],
    severity: Consequence | Callable[[E], Consequence] | None = None,
    falsified_by: Weakening | Iterable[Weakening] | Callable[[E], Weakening | Iterable[Weakening]],
    kind: Kind | Callable[[E], Kind] = "per-call",
    oracle: Oracle | Callable[[E], Oracle] = "witness",
    box: Mapping[str, Any] | Callable[[E], Mapping[str, Any]] | None = None,
    control_box: Mapping[str, Any] | Callable[[E], Mapping[str, Any]] | None = None,
    intrusive: bool | Callable[[E], bool] = False,
    needs_root: bool | Callable[[E], bool] = False,
    inputs: str | Callable[[E], str] = "",
    distinct: str | Callable[[E], str] = "",
) -> Family:
    """Declare a guarantee for each entry of `over`.

    `id`: with a field of the entry in braces, as str.format takes it: "rlimit.{entry.slug}-held".  The other arguments
    are those of `guarantee`, and each is either the same for all members or a function of the entry; texts (`claim`,
    `sources`, `distinct`) may have fields of the entry, too.  Raises UsageError for what cannot be a family.
    """
    given = locals()  # each argument by its name
    del given["id"], given["over"]
    import sys

    file = sys._getframe(1).f_code.co_filename
    where = Path(file).name
    if not isinstance(id, str) or not FIELD.search(id):
        raise UsageError(
            f'{where}: family id {id!r}; expected a field of the entry in it: "cap.{{entry.slug}}-dropped"'
        )
    name = FIELD.sub("*", id)
    members = tuple(_member(id, name, file, entry, given) for entry in over)
    if not members:
        raise UsageError(f"{where}: family {name} has no member: its table is empty")
    seen: dict[str, Guarantee] = {}
    for one in members:
        if (other := seen.setdefault(one.id, one)) is not one:
            raise UsageError(
                f"{where}: family {name}: {other.entry!r} and {one.entry!r} both give the id {one.id}; name a field in "
                "the id that tells them apart"
            )
    return Family(name, members, file)


def _member(id: str, name: str, file: str, entry: object, given: Mapping[str, Any]) -> Guarantee:
    def text(template: str) -> str:
        try:
            return template.format(entry=entry)
        except (AttributeError, KeyError, IndexError, ValueError) as error:
            raise UsageError(
                f"{Path(file).name}: family {name}: {template!r} cannot be filled in from {entry!r}: {error}; expected "
                "fields of the entry, such as {entry.name}, or {entry} for the whole"
            ) from None

    found = {key: value(entry) if callable(value) else value for key, value in given.items()}
    for key in ("claim", "distinct"):
        if isinstance(found[key], str):
            found[key] = text(found[key])
    if not isinstance(found["sources"], str):
        found["sources"] = tuple(text(one) if isinstance(one, str) else one for one in found["sources"])
    return declared(text(id), file=file, family=name, entry=entry, **found)


def family_of(test: object) -> Family | None:
    """The family that a test function was decorated with."""
    found = getattr(test, ATTRIBUTE, None)
    return found if isinstance(found, Family) else None


def guarantees_of(test: object) -> tuple[Guarantee, ...]:
    """The guarantees that a test function decides: one, or the members of its family; none of any other object."""
    if (found := family_of(test)) is not None:
        return found.members
    promise = guarantee_of(test)
    return () if promise is None else (promise,)


def parameters(promise: Guarantee, test: Callable[..., Any]) -> dict[str, Any]:
    """What the check of a member is called with: parameter -> value; empty for a guarantee by itself."""
    if not promise.family:
        return {}
    found = {PROMISE: promise, ENTRY: promise.entry}
    return {name: value for name, value in found.items() if name in inspect.signature(test).parameters}


def checks_of(test: object) -> tuple[tuple[Guarantee, Check], ...]:
    """The guarantees of `guarantees_of`, each with the check that decides it."""
    return tuple((one, Check(test, parameters(one, test))) for one in guarantees_of(test) if callable(test))
