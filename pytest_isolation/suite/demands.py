"""What a run owes: a box that was asked for and not measured is never a pass.

--isolation-require BOX     the box is there, every row of it was measured, and in each domain in which it promises
                            something one row is more than `unsupported`
--box with keys of its own  the box is there; `unsupported` alone, where it promises something, is not measured
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import IsolationError, Lacking
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.technologies import technology

if TYPE_CHECKING:
    from pytest_isolation.guarantees.verdicts import Key
    from pytest_isolation.options.config import RunConfig
    from pytest_isolation.report.run import ResultRow
    from pytest_isolation.suite.boxes import BoxCandidate
    from pytest_isolation.suite.messages import Closed


def missing(
    planned: Iterable[Key], rows: Iterable[Key], chosen: Iterable[BoxCandidate], closed: Iterable[Closed]
) -> set[Key]:
    """Rows that were to be measured and were not, though their boxes are there."""
    there = {one.spec.name for one in chosen if one.available}
    shut = {(one.box, one.door) for one in closed}

    def could(key: Key) -> bool:
        box, _, door, sibling = key
        return (
            box in there
            and (box, door) not in shut
            and (sibling is None or (sibling in there and (sibling, Door.START) not in shut))
        )

    return {key for key in set(planned) - set(rows) if could(key)}


def unmet(
    asked: RunConfig,
    chosen: Iterable[BoxCandidate],
    rows: Iterable[ResultRow],
    absent: Iterable[Key],
    closed: Iterable[Closed],
) -> list[str]:
    """A sentence for each box that was asked for and not measured."""
    held = list(rows)
    shut = {one.box: one for one in closed}
    lost: dict[str, int] = {}
    for box, *_ in absent:
        lost[box] = lost.get(box, 0) + 1
    said = []
    for one in chosen:
        name = one.spec.name
        own = [row for row in held if row.box == name and row.sibling is None]
        required = name in asked.require
        if required or (one.spec in asked.boxes and not one.available and _names_what_is_not_there(one)):
            option = "--isolation-require" if required else "--box"
            said += [f"{option}: {name} {what}" for what in _lacks(one, own, shut.get(name), lost.get(name, 0))]
        elif one.spec in asked.boxes and one.available and _all_unsupported(own):
            said.append(f"--box: nothing of {name} was measured: {_most_frequent(own)}")
    return said


def _lacks(one: BoxCandidate, rows: list[ResultRow], shut: Closed | None, lost: int) -> Iterator[str]:
    if not one.available:
        yield "is not available: its line says why"
        return
    if shut is not None:
        yield f"was not measured through its {shut.door} door: {shut.reason}"
    if lost:
        yield f"was not measured whole: {lost} of its rows are missing"
    domains: dict[str, list[ResultRow]] = {}
    for row in rows:
        if row.required_by is not None:
            domains.setdefault(row.guarantee.partition(".")[0], []).append(row)
    empty = {name: of for name, of in domains.items() if all(row.verdict is Verdict.UNSUPPORTED for row in of)}
    if empty:
        reason = _most_frequent([row for of in empty.values() for row in of])
        yield f"promises something in {', '.join(empty)}, and nothing of that was measured: {reason}"


def _all_unsupported(rows: list[ResultRow]) -> bool:
    """Where something is promised: of what nobody promises, it may be that a box cannot be asked any of it."""
    return any(row.required_by for row in rows) and all(row.verdict is Verdict.UNSUPPORTED for row in rows)


def _most_frequent(rows: list[ResultRow]) -> str:
    reasons = [str(row.cause or row.reason) for row in rows]
    return max(reasons, key=reasons.count)


def _names_what_is_not_there(one: BoxCandidate) -> bool:
    """Whether it is this very box that cannot be had, and not every box of its technology: an image, a container."""
    plain = BoxSpec(technology=one.spec.technology)
    if replace(one.spec, name=plain.name, door=plain.door) == plain:
        return False
    try:
        technology(plain.technology).check_available(plain)
    except IsolationError as error:
        return (error.reason if isinstance(error, Lacking) else str(error)) != one.reason
    return True
