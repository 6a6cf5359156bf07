"""Holes that a technology can open, each with what opens it: one table, so that none is declared and passed over.

    @dataclass
    class Plan:                              what a start goes by: how a sound box is made
        variables: list[str] = field(default_factory=list)
        init: bool = True

    OPENS: Opens[Plan] = {
        share("pid"): adds("variables", "SYSTEMD_NSPAWN_SHARE_NS_PID=1"),
        drop("init"): sets("init", False),
        **each(IMAGE_LOSSES, lossy, by(launcher.new_root)),
    }

A start makes its plan by `folded(OPENS, Plan(), spec)` and goes by the plan alone: nothing but the table asks a spec
for its holes.  So a hole that is in no table cannot be opened, and one that is in a table changes the plan.  The holes
that are opened alike for all technologies (losses of an image, what is handed in, limits that are not set) are opened
by functions which those share; the table names the function.  tests/unit/test_opens.py holds both: a field of a plan
that no start reads, and a function that a table names and its technology does not call, are errors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_isolation.boxes.weakenings import Weakening, Weakenings, drop

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

__all__ = [
    "Opener",
    "adds",
    "always",
    "as_root",
    "as_user",
    "by",
    "each",
    "folded",
    "openable",
    "removes",
    "sets",
]

P = TypeVar("P")


def always() -> bool:
    """A hole that can be opened everywhere."""
    return True


def as_root() -> bool:
    """A hole that root alone can open."""
    return os.geteuid() == 0


def as_user() -> bool:
    """A hole that is opened otherwise where we are not root."""
    return not as_root()


Edit = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens one hole: edits of the plan, or the function `by` that technologies share, or both."""

    edits: tuple[Edit, ...] = ()
    fields: tuple[str, ...] = ()
    """Of the plan, that the edits change."""
    by: Any = None
    """A function, or the property of a spec, that finds the hole in the spec."""
    here: Callable[[], bool] = always
    """Whether this user, on this machine, can open it."""

    def where(self, here: Callable[[], bool]) -> Opener:
        """The same, where `here` says that it can be opened."""
        return replace(self, here=here)

    def __and__(self, other: Opener) -> Opener:
        """Both together."""
        return replace(self, edits=self.edits + other.edits, fields=self.fields + other.fields, by=self.by or other.by)


Opens = Mapping[Weakening, Opener]


def sets(field: str, value: object) -> Opener:
    """The plan has `value` in this field."""
    return Opener((lambda plan: setattr(plan, field, value),), (field,))


def adds(field: str, *values: object) -> Opener:
    """The list in this field has these, too."""
    return Opener((lambda plan: getattr(plan, field).extend(values),), (field,))


def removes(field: str, value: object) -> Opener:
    """The list in this field does not have it."""

    def edit(plan: Any) -> None:
        setattr(plan, field, [one for one in getattr(plan, field) if one != value])

    return Opener((edit,), (field,))


def by(shared: Any) -> Opener:
    """Opened by a function of all technologies, or a property of a spec, which finds the hole in the spec."""
    return Opener(by=shared)


def each(
    words: Iterable[str], hole: Callable[[str], Weakening], opener: Callable[[str], Opener] | Opener
) -> dict[Weakening, Opener]:
    """One line of a table for each word: share("pid"), share("net")."""
    return {hole(word): opener if isinstance(opener, Opener) else opener(word) for word in words}


def openable(opens: Opens) -> Weakenings:
    """The holes that can be opened here: what a technology's weakenings() gives."""
    return frozenset(hole for hole, opener in opens.items() if opener.here())


def folded(opens: Opens, plan: P, spec: BoxSpec) -> P:
    """`plan`, changed by the openers of the holes that `spec` has and the table knows.

    A hole that it does not know is refused by refuse_unknown_holes(), which every launch() asks first.
    """
    holes = spec.weakenings
    if spec.reaper and not spec.has(drop("reaper")):
        # What makes another the first process; a technology that has none was not asked: lacking.py.
        holes |= {drop("init")}
    for hole in sorted(holes & opens.keys()):
        for edit in opens[hole].edits:
            edit(plan)
    return plan
