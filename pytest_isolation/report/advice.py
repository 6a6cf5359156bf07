"""What `pytest-isolation advise` found, in words and as JSON.  All it names was tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report.lines import Paint, painted, plain, wrapped
from pytest_isolation.report.rows import plain as plain_data
from pytest_isolation.report.why import why

if TYPE_CHECKING:
    from pytest_isolation.report.compare import Comparison
    from pytest_isolation.report.run import GuaranteeRow, Run

SCHEMA = "pytest-isolation/advice/1"
FEW = 4
"""Guarantees in a line."""
TITLES = {"kubernetes": "Kubernetes (of the pod or its container)"}


@dataclass(frozen=True, slots=True)
class Step:
    """A keyword that is advised, or was tried."""

    keyword: str
    """In the words of --box: "cap_drop=ALL", "without pid_mode=host"."""
    mends: tuple[str, ...]
    """Guarantees that were violated and hold with it alone."""
    words: Mapping[str, str] = field(default_factory=dict)
    """ "docker run" -> "--cap-drop=ALL"."""
    breaks: str = ""
    """What it may break."""
    reason: str = ""
    """Why no box with it could be started."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What `pytest-isolation advise` found for one box."""

    box: str
    before: str
    """The --box text that was asked about."""
    after: str
    """That with the advised keywords; the same where none helps."""
    broken: tuple[str, ...]
    steps: tuple[Step, ...]
    """What is advised."""
    mended: tuple[str, ...]
    """Guarantees of `broken` that hold with all steps together."""
    others: tuple[Step, ...]
    """What was tried besides."""
    run: Run
    """Of the box as it was."""
    found: Comparison | None = None
    """The box before and after, of everything that was measured; None where nothing is advised."""

    @property
    def still(self) -> tuple[str, ...]:
        """Guarantees that were broken and are not mended."""
        return tuple(id for id in self.broken if id not in self.mended)

    @property
    def worse(self) -> tuple[str, ...]:
        """What the advice takes: a guarantee that held, and is violated or cannot be asked with it."""
        if self.found is None:
            return ()
        return tuple(one.says for one in self.found.changes if one.before == Verdict.HOLDS)

    @property
    def headline(self) -> str:
        """ "docker: 2 keywords mend 9 of 12 violated"."""
        if not self.broken:
            return f"{self.box}: nothing that was measured is violated"
        if not self.steps:
            return f"{self.box}: of {len(self.broken)} violated, no keyword that was tried mends any"
        what = "1 change mends" if len(self.steps) == 1 else f"{len(self.steps)} changes mend"
        return f"{self.box}: {what} {len(self.mended)} of {len(self.broken)} violated"

    @property
    def start_ms(self) -> tuple[float | None, float | None]:
        """The median start before and with the advice."""
        runs = (self.run, self.found.later if self.found is not None else None)
        first, second = (
            next((box.costs["start_ms"].median for box in run.boxes if "start_ms" in box.costs), None) if run else None
            for run in runs
        )
        return first, second


def to_json(advice: Advice) -> dict[str, Any]:
    """As docs/advice.md has it."""
    before, after = advice.start_ms
    return {
        "schema": SCHEMA,
        "box": advice.box,
        "before": advice.before,
        "after": advice.after,
        "broken": list(advice.broken),
        "steps": [plain_data(asdict(one)) for one in advice.steps],
        "mended": list(advice.mended),
        "still": list(advice.still),
        "worse": list(advice.worse),
        "tried": [plain_data(asdict(one)) for one in advice.others],
        "start_ms": {"before": before, "after": after},
    }


def text(advice: Advice, *, width: int = 100, color: bool = False) -> str:
    """The answer in the first line, then each keyword with what it bought and costs, then how it is written."""
    paint: Paint = painted if color else plain
    lines = [paint(advice.headline, "green" if not advice.still else "yellow" if advice.steps else "red")]
    known = {row.id: row for row in advice.run.guarantees}
    for number, step in enumerate(advice.steps, 1):
        lines += ["", paint(f"{number}. {step.keyword}", "bold")]
        alone = _told(step.mends, known) if step.mends else "nothing by itself: it is needed beside the others"
        lines += wrapped(f"   mends {alone}", width, "     ")
        lines += wrapped(f"   may break {step.breaks}", width, "     ")
    if advice.steps:
        lines += ["", paint("all of it together, as it was measured", "bold")]
        lines += [line for one in _together(advice) for line in wrapped(f"  {one}", width, "    ")]
        lines += ["", paint("in each syntax", "bold")]
        lines += [line for one in _written(advice) for line in wrapped(f"  {one}", width, "      ")]
    if advice.still:
        lines += ["", paint("still violated: nothing that was tried mends it", "bold")]
        for said in _still(advice, known):
            lines += wrapped(f"  {said}", width, "    ")
    if advice.others:
        lines += ["", paint("tried besides", "bold")]
        for step in advice.others:
            said = f"not started: {step.reason}" if step.reason else f"mends {len(step.mends)}, alone"
            lines += wrapped(f"  {step.keyword}: {said}", width, "    ")
    return "\n".join(lines) + "\n"


def _told(ids: Sequence[str], known: Mapping[str, GuaranteeRow]) -> str:
    """ "7: sends packets it forges (net.raw-socket), ...": of a family one."""
    said: dict[str, str] = {}
    for id in ids:
        row = known[id]
        said.setdefault(row.family or id, f"{row.consequence or row.claim} ({row.family or id})")
    shown = list(said.values())[:FEW]
    more = f" and {len(said) - FEW} more" if len(said) > FEW else ""
    return f"{len(ids)}: {', '.join(shown)}{more}"


def _together(advice: Advice) -> Iterator[str]:
    yield f"{len(advice.mended)} of {len(advice.broken)} mended"
    if advice.worse:
        yield f"{len(advice.worse)} held before, and do not now:"
        yield from advice.worse
    else:
        yield "nothing that held before does not now"
    before, after = advice.start_ms
    if before is not None and after is not None:
        yield f"start: {before:.0f} ms before, {after:.0f} ms with it"


def _written(advice: Advice) -> Iterator[str]:
    """Each syntax, with what it has no word for named: half of an advice is another advice."""
    for syntax in dict.fromkeys(name for step in advice.steps for name in step.words):
        words = [step.words[syntax] for step in advice.steps if syntax in step.words]
        lacks = [step.keyword for step in advice.steps if syntax not in step.words]
        beside = " " if all(not one.startswith("without") for one in words) and "run" in syntax else "; "
        yield f"{TITLES.get(syntax, syntax)}: {beside.join(words)}" + (
            f" (it has no word for {', '.join(lacks)})" if lacks else ""
        )
    yield f"--box '{advice.after}'"


def _still(advice: Advice, known: Mapping[str, GuaranteeRow]) -> Iterator[str]:
    rows = {row.guarantee: row for row in advice.run.results}
    grouped: dict[str, list[str]] = {}
    for id in advice.still:
        found = why(advice.run, rows[id])
        grouped.setdefault(found.remedy if found is not None else "", []).append(id)
    for remedy, ids in grouped.items():
        yield _told(ids, known) + (f"; do: {remedy} (not tried)" if remedy else "")
