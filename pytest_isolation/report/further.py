"""What a run may measure besides its rows: what boxes cost, on how many layers they rest, what flows into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pytest_isolation.report.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost(Row):
    """A measured figure of a box; its key names the unit: `start_ms`, `memory_mib`."""

    SPARSE = frozenset({"low", "high", "bare", "note"})

    median: float
    n: int
    low: float | None = None
    """The least of the n values, and the greatest."""
    high: float | None = None
    bare: float | None = None
    """The least of a bare process of the host, measured in turn with the box: to be set beside `low`."""
    note: str = ""
    """What the figure is about: the names of the processes, for example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth(Row):
    """Several boxes of one spec at a time."""

    boxes: int
    start_ms: float
    """The median of those that were started since the step before."""
    memory_mib: float | None
    """Of all of them, as the cost `memory_mib`; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthRow(Row):
    """On how many layers of its box a guarantee rests that held: see `BoxDepth`."""

    guarantee: str
    asked: int
    """Boxes with holes in which it gave an answer."""
    breakers: tuple[tuple[str, ...], ...] = ()
    """The smallest sets of holes that broke it, all of one size; empty: none that was opened did."""

    @property
    def layers(self) -> int | None:
        """How many it takes to break it; None: more than was opened."""
        return len(self.breakers[0]) if self.breakers else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxDepth(Row):
    """Under --isolation-depth: one box, started again and again with holes, and what then broke."""

    box: str
    opened: tuple[str, ...]
    """Holes that were opened by themselves."""
    defences: Mapping[str, str] = field(default_factory=dict)
    """Hole -> the defence that it takes away."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Hole -> why no box with it could be asked."""
    together: Mapping[str, int] = field(default_factory=dict)
    """Number of holes that were opened together, as text -> boxes."""
    seconds: float
    cut_short: bool = False
    """The time was over, or somebody interrupted it: more could break."""
    guarantees: tuple[DepthRow, ...] = ()
    """Those that held without a hole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFinding(Row):
    """A sender on one side changes what a receiver on another side reads: see `BoxFlow`."""

    kind: str
    """content, existence, count, time."""
    resource: str
    """Class of kernel object that the receiver asks about."""
    sender: str
    """As C, a line a call."""
    acts: tuple[str, ...]
    """Names of what the sender does."""
    receiver: str
    """As C."""
    receiver_name: str
    value: str
    """Where in what was read the value stands."""
    alone: str
    """What it does by itself: constant, counter, random, time-like."""
    before: str
    after: str
    chance: float
    """Of as clear a difference in any of the pairs by chance (Holm)."""
    hits: int
    """Blocks in fresh boxes in which the value told when the sender acted."""
    blocks: int
    bits_per_second: float | None = None
    """What the pair moved, less what its errors cost; None: not measured."""
    error_rate: float | None = None
    """Of its bits, 0 to 1."""
    seconds: float
    """From the beginning of the search."""
    known: str | None = None
    """What a document says is shared; None: no document that we know of."""
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowControl(Row):
    """A channel between a box and its sibling that was opened to be found."""

    name: str
    holes: tuple[str, ...]
    found: bool
    seconds: float
    """Until it was found and proven; else how long it was looked for."""
    pairs: int
    receiver: str | None = None
    reason: str | None = None
    """Why there are no such boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowKnown(Row):
    """A resource that is documented to be shared by all boxes of a kernel, in one search."""

    what: str
    source: str
    asked: bool
    """Whether a receiver could ask."""
    found: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxFlow(Row):
    """Under --isolation-flow: senders on one side of a box, and what receivers on another side read of them."""

    box: str
    direction: str
    """ "box to sibling", "host to box", "box to host"."""
    door: str = "start"
    """By which programs came into the boxes: "start" or "exec"."""
    processes: int = 1
    """That searched at once, each in boxes of its own."""
    seconds: float
    senders: int
    receivers: int
    pairs: int
    """A sender and a receiver that were tried together; a sender is run once for all receivers."""
    pairs_per_second: float
    acts: tuple[str, ...] = ()
    """What senders could do there."""
    findings: tuple[FlowFinding, ...] = ()
    not_seen_again: int = 0
    """What moved in the boxes of the search, and not in fresh ones."""
    unproven: int = 0
    """What moved, and was not asked again: the search was ended."""
    controls: tuple[FlowControl, ...] = ()
    known: tuple[FlowKnown, ...] = ()
    cut_short: bool = False
    reason: str | None = None
    """Why nothing, or no more, was searched."""

    def with_control(self, control: FlowControl) -> Self:
        """With one more."""
        return replace(self, controls=(*self.controls, control))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow(Row):
    """Under pytest-xdist's --dist each: one of the machines that measured; its boxes are called NAME/BOX."""

    name: str
    rows: int
    """How many it has measured."""
    lost: str | None = None
    """Why it did not come to its end; None: it did."""
    exit: int = 0
    """What its own rows ask for, as pytest's status; 1 of one that was lost."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """As `host` of a report of its own; empty where it was lost before it told."""
