"""The boxes of a run: each is started when first asked for and shared by every check that wants its equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pytest_isolation.boxes.confinement import confinement
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import BoxError, IsolationError, NotStarted, WentAway, in_one_line
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.ending import Ending
from pytest_isolation.technologies.lacking import check_lacking
from pytest_isolation.technologies.limiting import check_limits
from pytest_isolation.technologies.wording import check_worded

MOST_LEASED = 4
"""Boxes kept for the next borrower: few, for a run asks for equal ones in a row, and each costs memory."""


class Pool:
    """Starts, keeps and ends boxes.  `starts` has every start's milliseconds, by the box's name."""

    def __init__(self, lifetime: Lifetime, *, announce: Callable[[BoxSpec], None] | None = None) -> None:
        """`announce` is told of every start before it."""
        self.lifetime = lifetime
        self.notes: dict[str, list[str]] = {}
        """What a reader of a box's results must know, by the box's name: BoxHandle.notes."""
        self.measured: dict[str, dict[str, Any]] = {}
        """Facts that only a running box can tell, by its name: its first process', and BoxHandle.measured."""
        self._announce = announce or (lambda _: None)
        self._ending = Ending(lifetime.resists)
        self.starts: dict[str, list[float]] = {}
        self._open: list[Box] = []
        """Boxes that were launched, but those that had ended when the next was."""
        self._boxes: dict[BoxSpec, Box] = {}
        self._leased: dict[BoxSpec, Box] = {}
        """Boxes with holes, by the time of their last use: see leased()."""
        self._stood: set[BoxSpec] = set()
        """Specs of which there was a box."""
        self._closed: dict[BoxSpec, NotStarted | WentAway] = {}
        """Specs of which there is none, or no longer: tried once, not for every check again."""

    def launch(self, spec: BoxSpec) -> Box:
        """A new box that the caller closes.  Raises Unavailable, Unsupported, BoxError."""
        check_lacking(technology(spec.technology), spec)
        check_limits(technology(spec.technology), spec)
        check_worded(technology(spec.technology), spec)
        self._announce(spec)
        self._open = [one for one in self._open if not one.closed]
        box = technology(spec.technology).launch(spec, self.lifetime)
        self._open.append(box)
        box.launch, box.end, box.lifetime = self.launch, self._ending.end, self.lifetime
        self.starts.setdefault(spec.name, []).append(box.parts.started_ms)
        try:
            self._learn(spec.name, box)
        except BaseException:  # nobody has it yet
            self._ending.end(box)
            raise
        return box

    def _learn(self, name: str, box: Box) -> None:
        """What a reader of the box's results must know."""
        known = self.measured.setdefault(name, {})
        if not known:
            known.update(confinement(box.parts), given=box.outside.given())
        known.update(box.parts.measured)
        for note in box.parts.notes:
            if note not in self.notes.setdefault(name, []):
                self.notes[name].append(note)

    @contextmanager
    def leased(self, spec: BoxSpec, *, fresh: bool = False) -> Iterator[tuple[Box, bool]]:
        """A box of `spec` for as long as the block, and whether somebody had it before.  Raises as launch().

        It is kept for the next who wants its equal, the latest MOST_LEASED of them; not when the block raises.
        `fresh`: a new one.  No end is waited for.
        """
        box = self._leased.pop(spec, None)
        if box is not None and (fresh or not box.alive):
            self._ending.end(box)
            box = None
        used = box is not None
        if box is None:
            box = self.launch(spec)
        try:
            yield box, used
        except BaseException:
            self._ending.end(box)
            raise
        self._leased[spec] = box
        while len(self._leased) > MOST_LEASED:
            self._ending.end(self._leased.pop(next(iter(self._leased))))

    def box(self, spec: BoxSpec) -> Box:
        """The box of `spec`: the one there is while it answers, else a new one.

        One box serves both doors: of a spec with door "exec" it is the view through that door.
        """
        if spec.door == Door.EXEC:
            box = self.box(replace(spec, door=Door.START)).entered
            self._stood.add(spec)
            return box
        kept = self._boxes.get(spec)
        if kept is not None and not kept.alive:
            self.discard(spec)
            kept = None
        if kept is None:
            kept = self._boxes[spec] = self.launch(spec)
        self._stood.add(spec)
        return kept

    def standing(self, spec: BoxSpec, changes: Mapping[str, Any]) -> Box:
        """The box of `spec` with the `changes` that a check needs.

        Raises NotStarted where no box of `spec` can be started, or entered through its door; WentAway where there was
        one and is none any more: both are found out once and then remembered.  Whatever else it raises is about the
        changes: the box of `spec` itself stands.
        """
        if spec.door == Door.EXEC:
            self.standing(replace(spec, door=Door.START), changes)
        if (closed := self._closed.get(spec)) is not None:
            raise _again(closed)
        needed = replace(spec, **changes)
        try:
            return self._box(needed)
        except (IsolationError, OSError) as error:
            if needed == spec:
                raise self._close(spec, error) from None
            self.standing(spec, {})
            if needed in self._stood or isinstance(error, OSError):  # not: it cannot be asked
                raise BoxError(f"{spec.id} could not be started as the check needs it: {error}") from None
            raise

    def _box(self, spec: BoxSpec) -> Box:
        """A second try where others of `spec` stood: a check may have left the machine busy."""
        try:
            return self.box(spec)
        except BoxError:
            if spec not in self._stood:
                raise
            return self.box(spec)

    def _close(self, spec: BoxSpec, error: Exception) -> NotStarted | WentAway:
        """What is to be said of `spec` from now on."""
        closed: NotStarted | WentAway
        if spec in self._stood:
            closed = WentAway(f"{spec.id} went away during the run: {in_one_line(error)}")
        else:
            closed = NotStarted(spec.name, spec.door, error)
        self._closed[spec] = closed
        return _again(closed)

    def discard(self, spec: BoxSpec) -> None:
        """End the box of `spec`, whatever its door, if there is one: the next check gets a new one."""
        if (box := self._boxes.pop(replace(spec, door=Door.START), None)) is not None:
            self._ending.end(box)

    def keep_only(self, names: Iterable[str]) -> None:
        """End the boxes called otherwise: a run has no use for all its boxes at once."""
        kept = set(names)
        for spec in [spec for spec in self._boxes if spec.name not in kept]:
            self.discard(spec)

    def close(self) -> None:
        """End every box, and wait until all have ended: those as well that an interrupt took from who had them."""
        for box in (*self._boxes.values(), *self._leased.values()):
            self._ending.end(box)
        self._boxes.clear()
        self._leased.clear()
        self._ending.wait()
        for box in self._open:  # no other thread ends any now
            if not box.closed:
                self._ending.end(box)
        self._open.clear()
        self._ending.wait()


def _again(closed: NotStarted | WentAway) -> NotStarted | WentAway:
    """One to raise: a kept exception would gather the traces of everybody it was raised for."""
    if isinstance(closed, WentAway):
        return WentAway(*closed.args)
    return NotStarted(closed.box, closed.door, closed)
