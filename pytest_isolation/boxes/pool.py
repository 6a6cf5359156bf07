"""The boxes of a run: each is started when first asked for and shared by every check that wants its equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from pytest_isolation.boxes.box import Box
from pytest_isolation.boxes.confinement import confinement
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.technologies import technology


class Pool:
    """Starts, keeps and ends boxes.  `starts` has every start's milliseconds, by the box's name."""

    def __init__(self, lifetime: Lifetime, *, announce: Callable[[BoxSpec], None] | None = None) -> None:
        """`announce` is told of every start before it."""
        self.lifetime = lifetime
        self.notes: dict[str, list[str]] = {}
        """What a reader of a box's results must know, by the box's name: Parts.facts["notes"]."""
        self.measured: dict[str, dict[str, Any]] = {}
        """Facts that only a running box can tell, by its name: its first process', and Parts.facts["measured"]."""
        self._announce = announce or (lambda _: None)
        self.starts: dict[str, list[float]] = {}
        self._boxes: dict[BoxSpec, Box] = {}

    def launch(self, spec: BoxSpec) -> Box:
        """A new box that the caller closes.  Raises Unavailable, Unsupported, BoxError."""
        self._announce(spec)
        box = technology(spec.technology).launch(spec, self.lifetime)
        box.launch = self.launch
        self.starts.setdefault(spec.name, []).append(box.parts.started_ms)
        known = self.measured.setdefault(spec.name, {})
        if not known:
            known.update(confinement(box.parts), given=box.outside.handed())
        known.update(box.parts.facts.get("measured", {}))
        for note in box.parts.facts.get("notes", ()):
            if note not in self.notes.setdefault(spec.name, []):
                self.notes[spec.name].append(note)
        return box

    def box(self, spec: BoxSpec) -> Box:
        """The box of `spec`: the one there is while it answers, else a new one.

        One box serves both doors: of a spec with door "exec" it is the view through that door.
        """
        if spec.door == "exec":
            return self.box(replace(spec, door="start")).entered
        box = self._boxes.get(spec)
        if box is not None and not box.alive:
            self.discard(spec)
            box = None
        if box is None:
            box = self._boxes[spec] = self.launch(spec)
        return box

    def discard(self, spec: BoxSpec) -> None:
        """End the box of `spec`, whatever its door, if there is one: the next check gets a new one."""
        if (box := self._boxes.pop(replace(spec, door="start"), None)) is not None:
            box.close()

    def keep_only(self, names: Iterable[str]) -> None:
        """End the boxes called otherwise: a run has no use for all its boxes at once."""
        kept = set(names)
        for spec in [spec for spec in self._boxes if spec.name not in kept]:
            self.discard(spec)

    def close(self) -> None:
        with ExitStack() as undo:
            for box in self._boxes.values():
                undo.callback(box.close)
            self._boxes.clear()
