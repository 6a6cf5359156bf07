"""One run as plain data: what every renderer renders and what the JSON report holds, key for key.

The JSON is a contract (docs/report.md, schema.json): a field may be added, none renamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from pytest_isolation.door import Door
from pytest_isolation.guarantees.severity import Severity
from pytest_isolation.guarantees.verdicts import Claim, Control, How, Key, Layer, Oracle, Outcome, Verdict
from pytest_isolation.report.further import BoxDepth, BoxFlow, Cost, Growth, HostRow
from pytest_isolation.report.rows import Row, plain

SCHEMA = "pytest-isolation/report/1"

__all__ = [
    "BoxRow",
    "Contribution",
    "Evidence",
    "GivenRow",
    "GuaranteeRow",
    "HostFacts",
    "ResultRow",
    "Run",
    "RunFacts",
    "Section",
]


def check_schema(data: Mapping[str, Any]) -> None:
    """Raises ValueError when `data` is not a report of this schema."""
    if data.get("schema") != SCHEMA:
        raise ValueError(f"schema {data.get('schema')!r}; expected {SCHEMA!r}: not a report of this version")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolFacts(Row):
    """Which pytest-isolation has measured."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts(Row):
    """When and how pytest was called, and how it ended.  `seconds`: of wall time."""

    id: str
    argv: tuple[str, ...]
    started: str
    """ISO 8601, UTC."""
    seconds: float
    seed: int | None
    exit: int
    """pytest's exit status."""
    missing: int = 0
    """Rows that were to be measured and were not: the run was interrupted."""
    unmet: int = 0
    """Boxes that were asked for or required and not measured as that demands; `notes` say which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts(Row):
    """The machine: `kernel` is uname's release, `arch` its machine, `root` whether pytest ran as root."""

    kernel: str
    arch: str
    cgroup: str
    """v1, hybrid, v2 or none."""
    root: bool
    more: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else of the host matters to the results; in the JSON, keys of `host` itself."""

    def to_json(self) -> dict[str, Any]:
        """The object `host` of the JSON report."""
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "more"}
        return own | {str(key): plain(value) for key, value in self.more.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From the object `host` of a JSON report; keys that are no fields go to `more`."""
        own = {one.name for one in fields(cls)} - {"more"}
        more = {key: value for key, value in data.items() if key not in own}
        return cls(**{key: data[key] for key in own if key in data}, more=more)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenRow(Row):
    """One thing of the host that a box was given; outside/start/given.py says what each kind has."""

    kind: str
    target: str
    """Where the box has it, or what it is."""
    host: str | None = None
    mode: str | None = None
    """ro or rw."""
    fstype: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRow(Row):
    """One box that was asked for, whether or not it could be started."""

    SPARSE = frozenset({"lacking", "growth"})

    name: str
    technology: str
    spec: Mapping[str, Any]
    version: str | None
    available: bool
    reason: str | None
    """Why it is not available."""
    remedy: str | None = None
    """What the user can do about that."""
    cause: str | None = None
    """What it has in common with other rows, of boxes and of results, that the same remedy helps."""
    costs: Mapping[str, Cost] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What a reader of its results must know: that KVM was refused and TCG served, for example."""
    submission: str | None = None
    """The audited submission whose service it is."""
    given: tuple[GivenRow, ...] | None = None
    """What of the host it was given; None where nobody looked: it was not started."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Under --isolation-costs: key of a cost -> why this box has no such figure."""
    growth: tuple[Growth, ...] = ()
    """Under --isolation-costs: one, five, ten boxes at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuaranteeRow(Row):
    """One guarantee that was asked for."""

    SPARSE = frozenset({"check"})

    id: str
    domain: str
    claim: str
    sources: tuple[str, ...]
    falsified_by: tuple[str, ...]
    severity: Severity | None = None
    """How far it reaches when it is broken; None in a report of a version that did not say."""
    consequence: str = ""
    """What a box that breaks it does: "signals processes of the host"."""
    family: str | None = None
    """The pattern of the ids of its family, `cap.*-dropped`: guarantees that one check decides over a table."""
    check: str = ""
    """Of what decides it, its check's source among it: equal where nothing of that has changed (--isolation-since)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Row):
    """The minimal example that broke a promise, or what left a check without a verdict."""

    message: str
    example: Mapping[str, str] = field(default_factory=dict)
    """What Hypothesis generated, shrunk: argument -> repr."""
    calls: tuple[str, ...] = ()
    """The system calls made in the box with their results, in order; the last is one that proves the violation."""
    proof: tuple[int, ...] = ()
    """Which of `calls` prove it, counted from 0; empty when what was seen does not follow from one call."""
    observed: Mapping[str, Any] = field(default_factory=dict)
    """What the witness saw."""
    seed: int | None = None

    @property
    def proving(self) -> tuple[str, ...]:
        """Those of `calls` that prove it."""
        return tuple(call for number, call in enumerate(self.calls) if number in self.proof)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow(Row):
    """One check on one box.  The key is box + guarantee + door + sibling."""

    SPARSE = frozenset({"carried", "opened_by"})

    box: str
    guarantee: str
    door: Door
    """start or exec."""
    sibling: str | None
    verdict: Verdict
    how: How | None
    oracle: Oracle
    claim: Claim
    required_by: str | None
    """claim, profile:NAME or expect; None when nothing requires it of this box."""
    outcome: Outcome
    control: Control
    control_box: str | None
    examples: int
    coverage: str
    """sampled or exhaustive."""
    rate_below_95: float | None
    """The 95 % bound on the rate of violating inputs, for independent seeded draws only."""
    seconds: float
    reason: str | None
    """Of every verdict that is not `holds` or `violated`, and of control `none`."""
    evidence: tuple[Evidence, ...]
    remedy: str | None = None
    cause: str | None = None
    """As of a box."""
    note: str | None = None
    """What the outcome follows from: "not promised by chroot", for example."""
    claim_source: str | None = None
    decided: int | None = None
    """How many of `examples` came to an answer; None in a report that does not say."""
    undecided: str | None = None
    """Why the others did not."""
    remark: str | None = None
    """What the check has seen that the verdict does not say."""
    tests: Mapping[str, str] = field(default_factory=dict)
    """Node id -> verdict, where several tests are about this one guarantee; the row is the worst of them."""
    known: bool = False
    """A violation the baseline (--isolation-expect) lists."""
    proofs: Mapping[str, Control] = field(default_factory=dict)
    """Under --isolation-prove: what the control did on each box that can open the hole."""
    refused_by: tuple[Layer, ...] | None = None
    """Under --isolation-why, of a row that holds by refusal: each of these layers refuses by itself."""
    opened_by: tuple[str, ...] = ()
    """The holes that were opened together where nothing refused any more: what `refused_by` rests on."""
    carried: str | None = None
    """Of a row that --isolation-since took from an earlier report: `started` of the run that measured it."""

    @property
    def key(self) -> Key:
        """(box, guarantee, door, sibling): no two rows of a run have the same."""
        return Key(self.box, self.guarantee, self.door, self.sibling)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRow(Row):
    """A kernel feature, tried."""

    kernel: str
    as_: str
    feature: str
    status: str
    cause: str | None
    configured: str
    tried: str
    errno: str | None
    needed_by: tuple[str, ...]
    """Technologies that cannot run without it."""
    remedy: str | None
    what: str = ""
    """What the feature is for."""
    wanted_by: tuple[str, ...] = ()
    """Technologies that run without it and lose something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnologyRow(Row):
    """Whether a kernel can run a technology."""

    kernel: str
    as_: str
    technology: str
    can_run: str
    missing: tuple[str, ...]
    remedies: tuple[str, ...]
    lost: tuple[str, ...] = ()
    """Those of `missing` without which it runs."""
    reason: str | None = None
    """Why it cannot run, in its own words; None: it does not say so itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow(Row):
    """A sentence that is often said of containers and VMs, held against this run: see trade.py."""

    id: str
    says: str
    source: str
    answer: str
    """yes, no, it depends, not measured."""
    figure: str
    """What the answer rests on; of what was not measured, what it needs."""
    boxes: Mapping[str, str] = field(default_factory=dict)
    """Box -> what is so in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows of another plugin, under a key of their own in the JSON report."""

    key: str
    """No key of Run's."""
    rows: tuple[Mapping[str, Any], ...] = ()
    """As JSON has them."""
    page: tuple[str, ...] = field(default=(), compare=False)
    """Paragraphs of the Markdown report; a run that was read from JSON has none, and its rows are shown as a table."""
    html: str = field(default="", compare=False)
    """The same as a whole HTML file, or nothing."""
    whole: bool = field(default=False, compare=False)
    """Both are whole reports where the run measured no box but those of submissions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """The part of a report that another plugin makes: see the hook `pytest_isolation_contribution`."""

    section: Section
    boxes: tuple[BoxRow, ...] = ()
    guarantees: tuple[GuaranteeRow, ...] = ()
    results: tuple[ResultRow, ...] = ()
    notes: tuple[str, ...] = ()


ALWAYS = ("inception",)
"""Sections that a JSON report has even when they are empty: keys are a contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Row):
    """One run: all that a report says.  `results` has one row for each check on each box."""

    SPARSE = frozenset({"trade", "depth", "flow", "hosts"})

    tool: ToolFacts
    run: RunFacts
    host: HostFacts
    boxes: tuple[BoxRow, ...] = ()
    guarantees: tuple[GuaranteeRow, ...] = ()
    results: tuple[ResultRow, ...] = ()
    support: tuple[SupportRow, ...] = ()
    technologies: tuple[TechnologyRow, ...] = ()
    sections: tuple[Section, ...] = ()
    """In the JSON, keys of the report itself."""
    notes: tuple[str, ...] = ()
    """About the run as a whole: a known violation that vanished, a run that was interrupted."""
    trade: tuple[TradeRow, ...] = ()
    """Under --isolation-costs."""
    depth: tuple[BoxDepth, ...] = ()
    """Under --isolation-depth."""
    flow: tuple[BoxFlow, ...] = ()
    """Under --isolation-flow."""
    hosts: tuple[HostRow, ...] = ()
    """Under --dist each of pytest-xdist: the machines that measured; `host` is the one that asked them."""

    def to_json(self) -> dict[str, Any]:
        """The JSON report, by report/schema.json: plain values only."""
        found: dict[str, Any] = {"schema": SCHEMA}
        for one in fields(self):
            if one.name == "sections":
                found |= {key: [] for key in ALWAYS} | {part.key: plain(part.rows) for part in self.sections}
            elif one.name not in self.SPARSE or getattr(self, one.name):
                found[one.name] = plain(getattr(self, one.name))
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises ValueError when `data` is not a report of this schema.  A list under an unknown key is a section."""
        check_schema(data)
        own = {one.name for one in fields(cls)}
        found = super(Run, cls).from_json({key: value for key, value in data.items() if key != "sections"})
        sections = (
            Section(key=key, rows=tuple(rows))
            for key, rows in data.items()
            if key not in own and isinstance(rows, list) and rows
        )
        return replace(found, sections=tuple(sections))

    def with_contributions(self, given: Iterable[Contribution]) -> Self:
        """This run and what other plugins `given` to its report; their guarantees come first, each once."""
        given = tuple(given)
        guarantees = {row.id: row for one in given for row in one.guarantees} | {row.id: row for row in self.guarantees}
        return replace(
            self,
            boxes=(*self.boxes, *(row for one in given for row in one.boxes)),
            guarantees=tuple(guarantees.values()),
            results=(*self.results, *(row for one in given for row in one.results)),
            sections=(*self.sections, *(one.section for one in given)),
            notes=(*self.notes, *(note for one in given for note in one.notes)),
        )
