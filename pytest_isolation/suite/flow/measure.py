"""The search for each box of a run, in every direction, and the channels that must be found, within one budget."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.door import Door
from pytest_isolation.errors import IsolationError, Unsupported, in_one_line
from pytest_isolation.report.further import BoxFlow, FlowControl, FlowFinding, FlowKnown
from pytest_isolation.suite.flow import corpus, known, sides
from pytest_isolation.suite.flow.acts import ACTS
from pytest_isolation.suite.flow.baseline import WHOLE
from pytest_isolation.suite.flow.controls import Control, openable
from pytest_isolation.suite.flow.probes import Probe
from pytest_isolation.suite.flow.search import Confirmed, Looker, Search, confirm, smallest
from pytest_isolation.suite.flow.several import Helpers, Turns, merged
from pytest_isolation.suite.flow.sides import Boxes, Direction
from pytest_isolation.suite.flow.statistics import holm
from pytest_isolation.technologies import technology

BUDGET_S = 60
"""Of a box, where nothing else was asked for."""
CONTROLS_SHARE = 0.4
"""Of the budget, at most, for channels that are opened on purpose."""
BESIDE_SHARE = 0.2
"""Of the budget, for a search from one box to another of the run."""
ROUNDS = 3
"""How often leads are proven meanwhile, of boxes that start quickly: what is ended early has them."""
SLOW_MS = 1000
INTERRUPTED = "the run was interrupted before"
Receivers = Mapping[str, Sequence[Probe]]
"""Side -> what it can be asked."""


def measure(
    specs: Iterable[BoxSpec],
    *,
    seconds: float = BUDGET_S,
    seed: int,
    pairs: bool = False,
    jobs: int | None = None,
    tell: Callable[[str], None] = lambda said: None,
    into: list[BoxFlow] | None = None,
) -> list[BoxFlow]:
    """A row for each of `specs` and each direction.  `into` is filled as soon as something is known.

    `pairs`: from each to every other of them as well.  `jobs`: processes that search at once; None: one for each
    processor.  Of a spec with door "both", both are searched, each for half of the time.  Raises KeyboardInterrupt,
    with what is known in `into`.
    """
    into, specs = [] if into is None else into, list(specs)
    jobs = jobs or len(os.sched_getaffinity(0))
    waiting = [
        Measured(replace(spec, door=door), time, f"{seed} {spec.id}", tell, into, jobs)
        for spec in specs
        for door, time in _doors(spec, seconds)
    ]
    try:
        while waiting:
            measured = waiting.pop(0)
            if measured.spec.attached and not measured.spec.intrusive:
                measured.say_why("the box is somebody else's, and senders take of what it has: add intrusive=true")
                continue
            measured.measure()
            for other in specs if pairs else ():
                if other.name != measured.spec.name and not other.attached:
                    measured.measure_beside(other)
    except KeyboardInterrupt:
        for measured in waiting:
            measured.say_why(INTERRUPTED)
        raise
    return into


def _doors(spec: BoxSpec, seconds: float) -> list[tuple[Door, float]]:
    """A box of somebody else's has its own way in."""
    if spec.attached or spec.door == Door.START:
        return [(Door.START, seconds)]
    return [(Door.EXEC, seconds)] if spec.door == Door.EXEC else [(Door.START, seconds / 2), (Door.EXEC, seconds / 2)]


class Measured:
    """One box, through one door."""

    def __init__(
        self,
        spec: BoxSpec,
        seconds: float,
        seed: str,
        tell: Callable[[str], None],
        into: list[BoxFlow],
        jobs: int = 1,
    ) -> None:
        self.spec, self._seconds, self._seed, self._tell, self._into, self._jobs = spec, seconds, seed, tell, into, jobs
        self._chance = random.Random(seed)
        self._directions = (sides.HOST_TO_BOX, sides.BOX_TO_HOST) if spec.attached else sides.DIRECTIONS

    def measure(self) -> None:
        """In every direction, and then what is opened on purpose."""
        controls = openable(self.spec) if self.spec.door == Door.START else ()
        share = self._seconds * (1 - CONTROLS_SHARE if controls else 1) / len(self._directions)
        try:
            with sides.boxes(self.spec) as boxes:
                receivers = boxes.receivers
                for direction in self._directions:
                    self._search(boxes, direction, share)
        except (IsolationError, OSError) as error:
            self.say_why(in_one_line(error))
            return
        found = {one.receiver_name for row in self._into if row.box == self.spec.name for one in row.findings}
        for control in controls:
            self._open(control, self._seconds * CONTROLS_SHARE / len(controls), found, receivers)

    def measure_beside(self, other: BoxSpec) -> None:
        """From the box to another of the run."""
        direction, other = Direction("box", other.name), replace(other, door=Door.START)
        try:
            with sides.boxes(self.spec, other) as boxes:
                self._search(boxes, direction, self._seconds * BESIDE_SHARE, other)
        except (IsolationError, OSError) as error:
            self.say_why(in_one_line(error), direction)

    def say_why(self, reason: str, direction: Direction | None = None) -> None:
        """A row of a search that was none."""
        self._into.append(_row(self.spec, direction or self._directions[0], Search(), 0.0, reason))

    def _search(self, boxes: Boxes, direction: Direction, seconds: float, other: BoxSpec | None = None) -> None:
        """By this process and its helpers; an attached box is one, and searched by one."""
        self._say(f"{direction}: {seconds:.0f} s")
        jobs = 1 if self.spec.attached else self._jobs
        helping = partial(_helping, self.spec, other, direction, seconds, self._seed, jobs)
        rows: list[BoxFlow] = []
        with Helpers(helping, jobs - 1) as helpers:
            try:
                searched(boxes, self.spec, direction, seconds, self._chance, rows, helpers.turns, jobs, self._say)
                rows += helpers.rows()
            except KeyboardInterrupt:
                helpers.interrupt()
                rows += helpers.rows()
                raise
            finally:
                self._into.append(merged(rows))

    def _open(self, control: Control, seconds: float, passed_over: set[str], receivers: Receivers) -> None:
        """A search, told nothing, between two boxes that share what the control opens."""
        self._say(f"control, {control.name}")
        row = opened(self.spec, control, seconds, self._chance, passed_over=passed_over, receivers=receivers)
        at = next(
            index
            for index, one in enumerate(self._into)
            if one.box == self.spec.name and one.direction == str(sides.BOX_TO_SIBLING)
        )
        self._into[at] = self._into[at].with_control(row)

    def _say(self, text: str) -> None:
        self._tell(f"flow of {self.spec.name}: {text}")


def _helping(
    spec: BoxSpec,
    other: BoxSpec | None,
    direction: Direction,
    seconds: float,
    seed: str,
    processes: int,
    number: int,
    turns: Turns,
) -> BoxFlow:
    """As searched(), in boxes of its own."""
    rows: list[BoxFlow] = []
    try:
        with sides.boxes(spec, other) as boxes:
            searched(boxes, spec, direction, seconds, random.Random(f"{seed} {number}"), rows, turns, processes)
    except KeyboardInterrupt:
        pass  # what it knows is in its row
    except (IsolationError, OSError) as error:
        rows = rows or [_row(spec, direction, Search(), 0.0, in_one_line(error))]
    return rows[0] if rows else replace(_row(spec, direction, Search(), 0.0), cut_short=True)


def searched(
    boxes: Boxes,
    spec: BoxSpec,
    direction: Direction,
    seconds: float,
    chance: random.Random,
    into: list[BoxFlow],
    turns: Turns,
    processes: int = 1,
    say: Callable[[str], None] = lambda said: None,
) -> None:
    """One search, by one of `processes`; its row is in `into` however it ends.

    Each corrects for the pairs of all: as many as its own, times the processes.
    """
    search, began, reason = Search(), time.monotonic(), None
    kept = [sender for one in corpus.read() if (sender := corpus.sender_of(one)) is not None]
    chance.shuffle(kept)
    between = partial(boxes.between, direction)
    try:
        with between(False, None) as (actor, watcher):
            looker = Looker(actor, watcher, chance, search, kept=kept)
            stood = time.monotonic()  # starting boxes takes nothing of the time
            rounds = 1 if technology(spec.technology).start_ms >= SLOW_MS else ROUNDS
            for number in range(1, rounds + 1):
                proven = len(search.leads)
                with turns.looking():
                    # Proofs take turns, and are not to leave nothing of the time.
                    least = time.monotonic() + seconds / (2 * rounds)
                    looker.look(max(stood + seconds * number / rounds, least))
                with turns.proving():
                    confirm(between, search.leads[proven:], search.pairs * processes, chance, began, search)
                say(
                    f"{direction}: {search.pairs} pairs, {search.rate:.0f} a second; "
                    f"{len(search.confirmed)} flows, {search.dropped} not seen again in fresh boxes"
                )
    except KeyboardInterrupt:
        search.cut_short = True
        raise
    except (IsolationError, OSError) as error:
        reason = in_one_line(error)
    finally:
        into.append(_row(spec, direction, search, time.monotonic() - began, reason, processes))
        found = [(one.lead.sender, one.lead.probe.resource) for one in search.confirmed]
        corpus.add((*one, os.uname().release, spec.technology) for one in found)


def _row(
    spec: BoxSpec,
    direction: Direction,
    search: Search,
    seconds: float,
    reason: str | None = None,
    processes: int = 1,
) -> BoxFlow:
    pairs = max(search.pairs * processes, len(search.confirmed))
    chances = holm([one.proof.chance * 2 for one in search.confirmed], pairs)
    corrected = {id(one.lead): chance for one, chance in zip(search.confirmed, chances, strict=True)}
    findings = tuple(_finding(one, corrected[id(one.lead)]) for one in smallest(search.confirmed))
    return BoxFlow(
        box=spec.name,
        direction=str(direction),
        door=str(spec.door),
        seconds=round(seconds, 1),
        senders=search.senders,
        receivers=search.receivers,
        pairs=search.pairs,
        pairs_per_second=round(search.rate, 1),
        acts=search.acts,
        findings=findings,
        not_seen_again=search.dropped,
        unproven=len(search.leads) - len(search.confirmed) - search.dropped,
        known=tuple(
            FlowKnown(
                what=one.what,
                source=one.source,
                asked=any(one.reads_of(name) for name in search.names),
                found=any(one.covers(found.receiver_name, found.acts) for found in findings),
            )
            for one in known.known()
        ),
        cut_short=search.cut_short,
        reason=reason,
    )


def opened(
    spec: BoxSpec,
    control: Control,
    seconds: float,
    chance: random.Random,
    *,
    passed_over: Collection[str] = (),
    receivers: Receivers | None = None,
) -> FlowControl:
    """A search, told nothing, between two boxes that share what the control opens; it ends when that is found.

    `passed_over`: receivers that show something without it.  `receivers`: of the same spec without the holes.
    """
    search, began, reason = Search(), time.monotonic(), None
    try:
        with sides.boxes(spec.weakened(*control.holes), receivers=receivers) as boxes:
            between = partial(boxes.between, sides.BOX_TO_SIBLING)
            with between(False, None) as (actor, watcher):
                if control.one_kernel and not boxes.one_kernel:
                    raise Unsupported("each box has a kernel of its own, which keeps this to itself")
                if not actor.acts.keys() & {*control.acts}:
                    raise Unsupported(f"the box refuses what would be sent: {', '.join(control.acts)}")
                looker = Looker(actor, watcher, chance, search, passed_over=passed_over)
                until, asked = time.monotonic() + seconds, 0
                while time.monotonic() < until and not search.confirmed:
                    looker.look(until, control.shown_by)
                    leads = [lead for lead in search.leads[asked:] if control.shown_by(lead)]
                    asked = len(search.leads)
                    confirm(between, leads, search.pairs, chance, began, search)
                    looker.look_again(leads)
    except (IsolationError, OSError) as error:
        reason = in_one_line(error)
    first = search.confirmed[0] if search.confirmed else None
    return FlowControl(
        name=control.name,
        holes=tuple(sorted(map(str, control.holes))),
        found=first is not None,
        seconds=round(first.seconds if first else time.monotonic() - began, 2),
        pairs=search.pairs,
        receiver=first.lead.probe.text if first else None,
        reason=reason,
    )


def _finding(one: Confirmed, chance: float) -> FlowFinding:
    lead = one.lead
    told = known.of(lead.probe.name, lead.sender.names)
    capacity = one.capacity
    return FlowFinding(
        kind=_kind(one),
        resource=lead.probe.resource,
        sender=lead.sender.text(ACTS),
        acts=tuple(sorted(lead.sender.names)),
        receiver=lead.probe.text,
        receiver_name=lead.probe.name,
        value=_value(one),
        alone=str(lead.kind),
        before=one.before.decode(errors="replace"),
        after=one.after.decode(errors="replace"),
        chance=chance,
        hits=one.proof.hits,
        blocks=one.proof.blocks,
        bits_per_second=None if capacity is None else round(capacity.bits_per_second, 1),
        error_rate=None if capacity is None else round(capacity.error_rate, 4),
        seconds=round(one.seconds, 2),
        known=None if told is None else told.what,
        source=None if told is None else told.source,
    )


def _kind(one: Confirmed) -> str:
    """content, existence, count or time."""
    probe, before, after = one.lead.probe, one.before, one.after
    if probe.kind == "time":
        return "time"
    if probe.kind in ("listing", "answer") and probe.name != "uname":
        return "existence"
    return "count" if before.lstrip(b"-").isdigit() and after.lstrip(b"-").isdigit() else "content"


def _value(one: Confirmed) -> str:
    """Where in what was read it stands, in words."""
    label, line, word = where = one.lead.rule.where
    if where == WHOLE:
        return "how many lines"
    named = f"line {label.decode(errors='replace')!r}" if label else "line without a name"
    return f"{named}{f', the {line + 1}th such' if line else ''}, word {word + 1}"
