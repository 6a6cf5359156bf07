"""A guarantee: the promise a check tests.  At once decorator, asserter and record.

promise = guarantee("pid.signal-out-refused", claim="...", sources=("man:kill(2)",),
                    severity=severity.host("signals processes of the host"), falsified_by=weaken.share("pid"))

@promise
@given(sig=catchable_signals())
def test_...(box, sig): ...
    promise.require(sig not in canary.signals_seen(), reply)
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from enum import Enum
from errno import ENOENT, ENOTDIR
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self, TypeVar, get_args

from pytest_isolation.agent.shortcuts import needed
from pytest_isolation.boxes import fields, weakenings
from pytest_isolation.boxes.weakenings import Weakening, Weakenings
from pytest_isolation.boxes.words import choice
from pytest_isolation.errors import BoxError, Undecided, UsageError, Violation
from pytest_isolation.guarantees.severity import Consequence

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Reply

Kind = Literal["per-call", "per-window", "per-box", "per-road"]
EXAMPLES: dict[Kind, int] = {"per-call": 100, "per-window": 10, "per-box": 5, "per-road": 2}
"""How many examples a check of each kind takes, when its inputs are not exhausted before."""

Oracle = Literal["witness", "receipt", "errno"]
How = Literal["isolated", "refused", "absent"]

ATTRIBUTE = "_pytest_isolation_guarantee"
PROMISE, ENTRY = "promise", "entry"
"""Parameters of a check over a family: the member that is measured, and its entry of the table."""
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Notes:
    """What a check said while it ran: filled by require(), receipt(), held() and tried(), read by the run."""

    how: set[How] = field(default_factory=set)
    receipts: int = 0
    requires: int = 0
    acts: int = 0
    """Calls of which tried() was told and whose answer says something."""
    remarks: set[str] = field(default_factory=set)
    """What a reader of the row is to know."""
    vain: str | None = None
    """What the last call that says nothing answered."""

    def copy(self) -> Self:
        """What is noted later is not in it."""
        return replace(self, how=set(self.how), remarks=set(self.remarks))

    def become(self, other: Notes) -> None:
        """The same object, with what `other` holds: a check has hold of it."""
        self.how, self.receipts, self.requires = set(other.how), other.receipts, other.requires
        self.acts, self.vain, self.remarks = other.acts, other.vain, set(other.remarks)


@dataclass(frozen=True, slots=True, eq=False)
class Guarantee:
    """One sentence that a box may keep or break, declared by `guarantee()`; a decorator of the test that decides it."""

    id: str
    claim: str
    sources: tuple[str, ...]
    consequence: Consequence
    """What a box that breaks it does, and how far that reaches."""
    falsified_by: Weakenings
    kind: Kind
    oracle: Oracle
    box: Mapping[str, Any]
    control_box: Mapping[str, Any]
    """Changes to the spec of the box that its falsifier is opened on: what the user's own box may have, or not."""
    intrusive: bool
    needs_root: bool
    """What its falsifier lets through, the kernel lets the host's root alone: a user's control would say nothing."""
    distinct: str
    """Why this is a guarantee of its own although another gives equal rows; empty when none does."""
    file: str
    family: str = ""
    """The name of the family that it is a member of (family.py); empty for a guarantee by itself."""
    entry: Any = None
    """Of a member: the entry of the family's table that it was made from."""
    inputs: str = ""
    """Of the guarantees that are asked for the same inputs; the id where there are no others."""
    notes: Notes = field(default_factory=Notes)

    @property
    def domain(self) -> str:
        """The part of the id before the first dot: "pid"."""
        return self.id.partition(".")[0]

    def __call__(self, test: F) -> F:
        """Decorates the check: `test` itself, which is known by the guarantee from now on."""
        setattr(test, ATTRIBUTE, self)
        return test

    # -- used in a check ---------------------------------------------------------------

    def require(self, kept: bool, *calls: object, **observed: object) -> None:
        """Raise Violation unless `kept`.

        `calls` are the replies that led here, `observed` what the witness saw; both become evidence.
        """
        self.notes.requires += 1
        if not kept:
            plain = {key: _plain(value) for key, value in observed.items()}
            raise Violation(self.id, f"{self.claim}: broken", calls, plain)

    def receipt(self, found: bool, *calls: object) -> None:
        """Say whether the same calls found the decoy in the box.  Raises BoxError when they did not:

        a check that could not even see what was planted for it says nothing about what is hidden.
        """
        if not found:
            told = "; ".join(map(str, calls))
            raise BoxError(f"no receipt: the calls did not find the decoy planted in the box ({told})")
        self.notes.receipts += 1

    def prepared(self, reply: Reply, what: str) -> Reply:
        """The reply of a call that only makes ready for the act; the example ends undecided when it was refused.

        `what`: what it was to make, as a noun: "a directory to mount on".
        """
        return needed(reply, what)

    def tried(self, *acts: Reply, vain: Collection[int] = (ENOENT, ENOTDIR)) -> None:
        """Name the calls that were the act.  Where each ended in an errno of `vain`, none has reached what decides:

        the example does not count, unless the witness saw the promise broken.  Before or after require().
        """
        for reply in acts:
            if reply.errno in vain:
                self.notes.vain = f"the call does not come as far as the question ({_told(reply)})"
            else:
                self.notes.acts += 1

    def undecided(self, why: str) -> NoReturn:
        """End this example: it has asked for nothing and does not count.  When none counts, the row is unsupported.

        Raises Undecided.
        """
        raise Undecided(why)

    def remark(self, text: str) -> None:
        """Have the row say something that its verdict does not: the promise is kept, but this was seen."""
        self.notes.remarks.add(text)

    def held(self, how: How) -> None:
        """Say how the promise held in this example; "isolated" when nothing is said."""
        self.notes.how.add(how)


def _plain(value: object) -> int | float | str:
    """As a report has it: a number, or a text; of a number with a name, that of the header (RTM_NEWLINK)."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}_{value.name}"
    return value if isinstance(value, (int, float)) else str(value)


def _told(reply: Reply) -> str:
    """Without its arguments, which differ from example to example."""
    return f"{reply.name}: {os.strerror(reply.errno)}"


def guarantee(
    id: str,
    *,
    claim: str,
    sources: Iterable[str],
    severity: Consequence | None = None,
    falsified_by: Weakening | Iterable[Weakening],
    kind: Kind = "per-call",
    oracle: Oracle = "witness",
    box: Mapping[str, Any] | None = None,
    control_box: Mapping[str, Any] | None = None,
    intrusive: bool = False,
    needs_root: bool = False,
    distinct: str = "",
    inputs: str = "",
) -> Guarantee:
    """Declare a guarantee.

    `severity`, which is required: how far it reaches when this is broken, and what the box then does, for
    example severity.host("signals processes of the host").  `falsified_by`: the holes that, opened
    together, must break it.  `box`: changes to the box spec the check needs.  `control_box`: further
    changes, for the box alone that the falsifier is opened on; the user's own keeps what it was asked to
    have.  `intrusive`: the check consumes, kills or writes in ways an attached box's owner would mind.
    `needs_root`: the kernel lets the host's root alone do what the holes let through, so that only root can prove it.
    `inputs`: guarantees with the same word here that draw from equal strategies are tried with the same
    examples: what one has found of an input can then serve the others.
    Raises UsageError for what cannot be a guarantee.
    """
    given = locals()  # each argument by its name: what family() has of a table
    import sys

    return declared(file=sys._getframe(1).f_code.co_filename, **given)


def declared(
    id: str,
    *,
    file: str,
    claim: str,
    sources: Iterable[str],
    severity: Consequence | None,
    falsified_by: Weakening | Iterable[Weakening],
    box: Mapping[str, Any] | None,
    control_box: Mapping[str, Any] | None,
    inputs: str,
    kind: Kind,
    oracle: Oracle,
    **other: Any,
) -> Guarantee:
    """As `guarantee`, of the check in `file`: checked, and made.  `other`: fields of the record that need no check.

    Raises UsageError.
    """
    where = Path(file).name
    if not isinstance(id, str) or not re.fullmatch(r"[a-z]+(\.[a-z0-9]+(-[a-z0-9]+)*)+", id):
        raise UsageError(f"{where}: guarantee id {id!r}; expected domain.slug, for example pid.signal-out-refused")
    where = f"{where}: guarantee {id}"
    if not isinstance(claim, str) or not claim.strip():
        raise UsageError(f"{where} has the claim {claim!r}; expected one sentence that can be wrong")
    return Guarantee(
        id,
        claim,
        sources=_sources(sources, where),
        consequence=_consequence(severity, where),
        falsified_by=_holes(falsified_by, where),
        kind=_word("kind", kind, get_args(Kind), where),
        oracle=_word("oracle", oracle, get_args(Oracle), where),
        box=fields.all_checked({} if box is None else box, where),
        control_box=fields.all_checked({} if control_box is None else control_box, where),
        file=file,
        inputs=inputs or id,
        **other,
    )


def _sources(given: Iterable[str], where: str) -> tuple[str, ...]:
    example = 'sources=("man:kill(2)",)'
    if isinstance(given, str):
        raise UsageError(f'{where}: sources is the text {given!r}; expected several: sources=("{given}",)')
    found = tuple(given) if isinstance(given, Iterable) else (given,)
    if not found:
        raise UsageError(f"{where} has no source; give one, for example {example}")
    for one in found:
        if not isinstance(one, str) or not one.strip():
            raise UsageError(f"{where}: sources has {one!r}; expected texts, for example {example}")
    return found


def _consequence(given: Consequence | None, where: str) -> Consequence:
    """Raises UsageError where there is none: a result has nothing to say of a guarantee whose breach means nothing."""
    if isinstance(given, Consequence):
        return given
    has = "has no severity" if given is None else f"has the severity {given!r}"
    raise UsageError(
        f"{where} {has}; say how far it reaches when it is broken, and what the box then does, by one of host, "
        'neighbour, surface, learns, use, portability: severity=severity.host("signals processes of the host")'
    )


def _holes(given: Weakening | Iterable[Weakening], where: str) -> Weakenings:
    found = (given,) if isinstance(given, str | Weakening) or not isinstance(given, Iterable) else tuple(given)
    if not found:
        raise UsageError(f"{where} has no falsifier; name the weakening that must break it")
    for one in found:
        if not isinstance(one, Weakening):
            spoken = weakenings.spoken()
            near = get_close_matches(str(one).lower().replace("_", "-"), spoken, n=1)
            guess = f"did you mean {spoken[near[0]]}? " if near else ""
            raise UsageError(
                f'{where}: falsified_by has {one!r}; {guess}expected a weakening, for example weaken.share("pid")'
            )
    return frozenset(found)


def _word(name: str, given: Any, known: tuple[Any, ...], where: str) -> Any:
    if given not in known:
        raise UsageError(f"{where} has {name} {given!r}; {choice(str(given), known)}")
    return given


def guarantee_of(test: object) -> Guarantee | None:
    """The guarantee a test function was decorated with."""
    found = getattr(test, ATTRIBUTE, None)
    return found if isinstance(found, Guarantee) else None
