"""Which cells a run measures: each box through its doors, each beside each other, each with its holes open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from types import CodeType
from typing import TYPE_CHECKING, Any

import pytest

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import UsageError
from pytest_isolation.guarantees.domains import domains
from pytest_isolation.guarantees.family import family_of, guarantees_of, parameters
from pytest_isolation.guarantees.guarantee import EXAMPLES, PROMISE, Guarantee, guarantee_of
from pytest_isolation.guarantees.property import Check, take_over
from pytest_isolation.technologies import technology

if TYPE_CHECKING:
    from pytest_isolation.options.config import RunConfig

LEAST = 2
"""Examples that every cell takes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a check's `box` parameter holds until the check runs."""

    spec: BoxSpec
    """Its door is start or exec."""
    proof: bool = False
    """The box has the guarantee's own hole: the check must fire (--isolation-prove)."""
    again: bool = False
    """The box is measured through the start door as well."""
    sibling: BoxSpec | None = None
    """The box beside it, where that is not one more from its own spec."""

    def __str__(self) -> str:
        """As in node ids: docker, docker@exec, docker+podman; `+` and `@` are in no box's name."""
        if self.sibling is not None:
            return f"{self.spec.id}+{self.sibling.id}"
        return f"{self.spec.id}@exec" if self.again else self.spec.id

    def examples(self, promise: Guarantee, asked: int | None) -> int:
        """How many examples the check takes here: those of its kind, or `asked` per call (--isolation-examples).

        A fifth of them where it has had the others through the start door, and a tenth beside another
        box: what differs there is how a process came in, or who the neighbour is, not one input in a
        hundred.  tests/power/measured.toml: the median check catches its hole by the second example.
        """
        number = EXAMPLES[promise.kind] if asked is None or promise.kind != "per-call" else asked
        part = 10 if self.sibling is not None else 5 if self.again else 1
        return max(number // part, min(number, LEAST))


def spread(metafunc: pytest.Metafunc, boxes: Sequence[BoxSpec], asked: RunConfig) -> None:
    """Make an item of the check for each of its cells; nothing of a test that is no check.

    Raises UsageError for a check that takes no `box`.
    """
    promises = guarantees_of(metafunc.function)
    if not promises:
        return
    promise = promises[0]
    if "box" not in metafunc.function.__code__.co_varnames and "box" not in metafunc.fixturenames:
        raise UsageError(f"{promise.file}: the check of {promise.id} takes no `box`; add it as its first parameter")
    take_over(metafunc.function)
    # Never an empty set: what becomes of one is for the user's settings to say.
    nowhere = pytest.mark.skip("no box is available; the header says why")
    found = []
    for one in promises:
        given, member = parameters(one, metafunc.function).values(), f":{one.id}" if one.family else ""
        planned = list(cells(one, metafunc.function, boxes, asked))
        found += [pytest.param(cell, *given, id=f"{cell}{member}") for cell in planned] or [
            pytest.param(None, *given, id=f"no-box{member}", marks=nowhere)
        ]
    metafunc.parametrize(["box", *parameters(promise, metafunc.function)], found)


def cells(promise: Guarantee, test: Callable[..., Any], boxes: Sequence[BoxSpec], asked: RunConfig) -> Iterator[Cell]:
    """The cells of one guarantee on the `boxes` that are available."""
    for spec in boxes:
        yield from _doors(spec, promise)
    if asked.pairs and meets_a_sibling(test):
        for one, other in pairs(boxes):
            yield Cell(replace(one, door=Door.START), sibling=replace(other, door=Door.START))
    if asked.prove:
        for spec in boxes:
            if not spec.attached and promise.falsified_by <= technology(spec.technology).weakenings():
                (first, *_) = _doors(spec, promise)
                yield Cell(replace(first.spec.weakened(*promise.falsified_by), **promise.control_box), proof=True)


def pairs(boxes: Iterable[BoxSpec]) -> Iterator[tuple[BoxSpec, BoxSpec]]:
    """Every two of `boxes`, each way: what one can do to the other, the other need not be able to do to it."""
    return permutations(boxes, 2)


def meets_a_sibling(test: Callable[..., Any] | Check) -> bool:
    """Whether the check asks for `box.sibling`: then it is about two boxes."""
    function = test.test if isinstance(test, Check) else test
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", function)
    return "sibling" in _names(inner.__code__)


def promise_of(item: pytest.Item) -> Guarantee | None:
    """The guarantee that a test of pytest's decides; of a family, the member; None of any other test."""
    test = getattr(item, "function", None)
    if family_of(test) is None:
        return guarantee_of(test)
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get(PROMISE) if callspec is not None else None
    return found if isinstance(found, Guarantee) else None


def cell_of(item: pytest.Item) -> Cell | None:
    """The cell that a test of pytest's measures; None of any other test."""
    callspec = getattr(item, "callspec", None)
    found = callspec.params.get("box") if callspec is not None else None
    return found if isinstance(found, Cell) else None


def _doors(spec: BoxSpec, promise: Guarantee) -> Iterator[Cell]:
    domain = domains().get(promise.domain)  # none, of a user's own
    if domain is not None and not domain.entered:
        yield Cell(replace(spec, door=Door.START))
    elif spec.door == Door.BOTH:
        yield Cell(replace(spec, door=Door.START))
        yield Cell(replace(spec, door=Door.EXEC), again=True)
    else:
        yield Cell(spec)


def _names(code: CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found
