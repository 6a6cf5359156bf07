"""Two runs beside each other: what got weaker, stronger, came or went, and what else differs between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_isolation.door import Door
from pytest_isolation.guarantees.renamed import current
from pytest_isolation.guarantees.severity import Severity
from pytest_isolation.guarantees.verdicts import Key, Verdict
from pytest_isolation.report import costs
from pytest_isolation.report.lines import Paint, cut, painted, plain, wrapped
from pytest_isolation.report.markdown import table
from pytest_isolation.report.proof import in_short
from pytest_isolation.report.why import lines as reasons

if TYPE_CHECKING:
    from pytest_isolation.report.further import Cost
    from pytest_isolation.report.run import BoxRow, GuaranteeRow, ResultRow, Run

DECIDED = (Verdict.HOLDS, Verdict.VIOLATED)
CLASSES = {
    "weaker": "held, and is violated now",
    "stronger": "was violated, and holds now",
    "new": "was not decided, and is now",
    "gone": "was decided, and is not now",
}


@dataclass(frozen=True, slots=True)
class Change:
    """Of one guarantee on one box, through one door or through both alike."""

    kind: str
    """One of CLASSES."""
    place: str
    """ "docker", "docker -> weak", "docker@exec", "docker beside podman"."""
    guarantee: GuaranteeRow
    before: str
    """The verdict, or "not measured"."""
    after: str
    row: ResultRow
    """The later one; of what was not measured later, the earlier one."""

    @property
    def says(self) -> str:
        """ "docker: signals processes of the host (pid.signal-out-refused): holds -> violated"."""
        told = (
            f"{self.guarantee.consequence} ({self.guarantee.id})" if self.guarantee.consequence else self.guarantee.id
        )
        return f"{self.place}: {told}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, row by row."""

    changes: tuple[Change, ...]
    """By class in the order of CLASSES, then the worst first."""
    same: int
    """Rows that were decided in both, alike."""
    differs: tuple[str, ...]
    """What else is another in the two runs: the kernel, a box's version or keywords."""
    unpaired: tuple[str, ...] = ()
    """Boxes of one run that the other has not."""
    missing: tuple[str, ...] = ()
    """Boxes of the earlier run that the later one has not."""
    later: Run | None = None
    earlier: Run | None = None
    costs: tuple[str, ...] = ()
    """Figures that are clearly others: no spread explains them.  They pass or fail nothing."""
    pairs: Mapping[str, str] = field(default_factory=dict)
    """Box of the earlier run -> its name in the later one, where that is another."""

    def of(self, kind: str) -> tuple[Change, ...]:
        """The changes of one class of CLASSES."""
        return tuple(one for one in self.changes if one.kind == kind)

    @property
    def earlier_by_name(self) -> Run:
        """The earlier run with its boxes called as in the later one."""
        assert self.earlier is not None
        rows = (replace(row, box=box, sibling=sibling) for row in self.earlier.results
                for box, _, _, sibling in [_renamed(row, self.pairs)])  # fmt: skip
        return replace(self.earlier, results=tuple(rows))

    @property
    def lost(self) -> bool:
        """Something held, and nobody knows whether it does now: it is not decided, or its box was not measured."""
        return bool(self.missing) or any(one.before == Verdict.HOLDS for one in self.of("gone"))

    @property
    def headline(self) -> str:
        """ "WEAKER: 2 weaker, 1 stronger, 3 new, 0 gone; 60 the same"."""
        counts = ", ".join(f"{len(self.of(kind))} {kind}" for kind in CLASSES)
        said = "WEAKER" if self.of("weaker") else "NOT KNOWN" if self.lost else "not weaker"
        return f"{said}: {counts}; {self.same} the same"


def compare(
    before: Run, after: Run, names: Mapping[str, str] | None = None, renamed: Mapping[str, str] | None = None
) -> Comparison:
    """`names`: box of `before` -> its name in `after`, where that is another.

    Boxes are paired by name; where each run has a single one, those two.  Guarantees are paired by what they are called
    today; `renamed`: an earlier id -> today's, instead of the committed table.
    """
    before, old_ids = today(before, renamed)
    after, new_ids = today(after, renamed)
    pairs = paired(before, after, names or {})
    # Whose name another one of the first run has now has no partner: it must not stand in that one's place.
    taken = set(pairs.values()) - set(pairs)
    apart = [name for name in _boxes(before) if name in taken]
    before = replace(
        before,
        results=tuple(row for row in before.results if not {row.box, row.sibling} & taken),
        boxes=tuple(box for box in before.boxes if box.name not in taken),
    )
    ours = {_renamed(row, pairs): row for row in before.results}
    theirs = {row.key: row for row in after.results}
    known = {row.id: row for row in (*before.guarantees, *after.guarantees)}
    missing = [name for name in _boxes(before) if pairs.get(name, name) not in _boxes(after)]
    added = [name for name in _boxes(after) if name not in {pairs.get(one, one) for one in _boxes(before)}]
    shown = {new: f"{old} -> {new}" for old, new in pairs.items() if old != new}
    found: list[tuple[Key, Change]] = []
    same = 0
    for key in dict.fromkeys((*ours, *theirs)):
        old, new = ours.get(key), theirs.get(key)
        kind = _kind(old, new)
        same += kind == "same"
        if kind not in CLASSES or key[0] in (*missing, *added):  # one line says it of the whole box
            continue
        row = new or old
        assert row is not None  # the key is of one of them
        place = shown.get(key[0], key[0]) + (f" beside {key[3]}" if key[3] is not None else "")
        found.append((key, Change(kind, place, known[key[1]], _word(old), _word(new), row)))
    order = list(CLASSES)
    changes = sorted(_by_door(found), key=lambda one: (order.index(one.kind), _rank(one.guarantee)))
    unpaired = [f"{name} was measured before, and is not now" for name in missing]
    unpaired += [f"{name} was not measured before" for name in added if name not in pairs]
    # One report given twice has it once more as the first one.
    spare = [name for name in added if name in pairs and before.run.id != after.run.id]
    for which, names_apart in (("second", spare), ("first", apart)):
        unpaired += [f"{one} of the {which} report is not compared: another box has its partner" for one in names_apart]
    return Comparison(
        tuple(changes),
        same,
        (*_differs(before, after, pairs), *_renames(old_ids, new_ids)),
        tuple(unpaired),
        tuple(missing),
        after,
        before,
        tuple(_costs(before, after, pairs)),
        pairs,
    )


WORST_FIRST = (Verdict.VIOLATED, Verdict.VACUOUS, Verdict.INCONCLUSIVE, Verdict.UNSUPPORTED, Verdict.HOLDS)
"""Of several rows that were merged into one."""


def today(run: Run, renamed: Mapping[str, str] | None = None) -> tuple[Run, Mapping[str, str]]:
    """`run` with today's ids, and those that it had instead of them; of rows that were merged the worst.

    `renamed`: an earlier id -> today's, instead of the committed table.
    """
    had = {row.id: id for row in run.guarantees if (id := current(row.id, renamed)) != row.id}
    had |= {row.guarantee: id for row in run.results if (id := current(row.guarantee, renamed)) != row.guarantee}
    if not had:
        return run, had
    rows: dict[Key, ResultRow] = {}
    for row in run.results:
        one = replace(row, guarantee=had.get(row.guarantee, row.guarantee))
        other = rows.get(one.key)
        if other is None or WORST_FIRST.index(one.verdict) < WORST_FIRST.index(other.verdict):
            rows[one.key] = one
    named = {id: replace(row, id=id) for row in run.guarantees for id in [had.get(row.id, row.id)]}
    return replace(run, results=tuple(rows.values()), guarantees=tuple(named.values())), had


def _renames(*had: Mapping[str, str]) -> Iterator[str]:
    """ "pid.a, pid.b: called pid.c today"."""
    together: dict[str, list[str]] = {}
    for old, new in {key: value for one in had for key, value in one.items()}.items():
        together.setdefault(new, []).append(old)
    for new, names in together.items():
        yield f"{', '.join(names)}: called {new} today"


def _costs(before: Run, after: Run, pairs: Mapping[str, str]) -> Iterator[str]:
    """ "docker: start to first call, ms: 557 -> 210 (x0.377)"."""
    theirs = {box.name: box for box in after.boxes}
    for box in before.boxes:
        other = theirs.get(pairs.get(box.name, box.name))
        for key, title in costs.KEYS.items() if other is not None else ():
            old, new = box.costs.get(key), other.costs.get(key)  # type: ignore[union-attr]  # not None: the line above
            if old is not None and new is not None and old.median and _apart(old, new):
                factor = f"x{new.median / old.median:.3g}"
                yield f"{other.name}: {title}: {old.median:.4g} -> {new.median:.4g} ({factor})"  # type: ignore[union-attr]


APART = 1.25
"""A figure that is another by less than this is the same: a quiet machine's differ so from run to run."""


def _apart(old: Cost, new: Cost) -> bool:
    """By APART and more, and no value of one is among those of the other, as far as they are told."""
    low, high = sorted((old, new), key=lambda one: one.median)
    if high.median < APART * low.median:
        return False
    return low.high is None or high.low is None or low.high < high.low


def paired(before: Run, after: Run, names: Mapping[str, str]) -> dict[str, str]:
    """Box of `before` -> its name in `after`.  Raises ValueError for a name that its run does not have."""
    ours, theirs = _boxes(before), _boxes(after)
    for old, new in names.items():
        for name, held, which in ((old, ours, "first"), (new, theirs, "second")):
            if name not in held:
                raise ValueError(f"the {which} report has no box {name!r}; it has {', '.join(held) or 'none'}")
    if names:
        return dict(names)
    return {ours[0]: theirs[0]} if len(ours) == len(theirs) == 1 else {}


def _boxes(run: Run) -> list[str]:
    """Those that were measured."""
    return list(dict.fromkeys(row.box for row in run.results))


def _renamed(row: ResultRow, pairs: Mapping[str, str]) -> Key:
    sibling = pairs.get(row.sibling, row.sibling) if row.sibling is not None else None
    return Key(pairs.get(row.box, row.box), row.guarantee, row.door, sibling)


def _kind(old: ResultRow | None, new: ResultRow | None) -> str:
    """One of CLASSES; "same"; "" where neither was decided."""
    was, now = (row is not None and row.verdict in DECIDED for row in (old, new))
    if was and now and old is not None and new is not None:
        if old.verdict is new.verdict:
            return "same"
        return "weaker" if new.verdict is Verdict.VIOLATED else "stronger"
    return "new" if now else "gone" if was else ""


def _word(row: ResultRow | None) -> str:
    return str(row.verdict) if row is not None else "not measured"


def _by_door(found: Iterable[tuple[Key, Change]]) -> Iterator[Change]:
    """One for both doors where both say the same."""
    grouped: dict[tuple[str, str, str | None], list[tuple[Door, Change]]] = {}
    for (box, guarantee, door, sibling), change in found:
        grouped.setdefault((box, guarantee, sibling), []).append((door, change))
    for held in grouped.values():
        alike = len({(one.kind, one.before, one.after) for _, one in held}) == 1
        if len(held) > 1 and alike:
            yield held[0][1]
            continue
        for door, one in held:
            place = f"{one.place}@{door}" if door == Door.EXEC else one.place
            yield Change(one.kind, place, one.guarantee, one.before, one.after, one.row)


def _rank(row: GuaranteeRow) -> int:
    return list(Severity).index(row.severity) if row.severity is not None else len(Severity)


def _differs(before: Run, after: Run, pairs: Mapping[str, str]) -> Iterator[str]:
    for what, old, new in (
        ("pytest-isolation", before.tool.version, after.tool.version),
        ("Linux", before.host.kernel, after.host.kernel),
        ("architecture", before.host.arch, after.host.arch),
        ("control groups", before.host.cgroup, after.host.cgroup),
        ("root", before.host.root, after.host.root),
    ):
        if old != new:
            yield f"{what}: {_said(old)} -> {_said(new)}"
    theirs = {box.name: box for box in after.boxes}
    for box in before.boxes:
        other = theirs.get(pairs.get(box.name, box.name))
        if other is not None:
            yield from _box_differs(box, other)


def _box_differs(old: BoxRow, new: BoxRow) -> Iterator[str]:
    pairs = [("technology", old.technology, new.technology), ("version", old.version, new.version)]
    mine, theirs = (_flat(box.spec) for box in (old, new))
    pairs += [(key, mine.get(key), theirs.get(key)) for key in dict.fromkeys((*mine, *theirs))]
    for what, one, other in pairs:
        if one != other:
            yield f"{new.name} {what}: {_said(one)} -> {_said(other)}"


def _flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a box beside what it was asked to have."""
    return {key: value for key, value in spec.items() if key != "facts"} | dict(spec.get("facts") or {})


def _said(value: object) -> str:
    if value is None or value == "":
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


# -- in words ----------------------------------------------------------------------------------


def text(found: Comparison, *, width: int = 100, color: bool = False) -> str:
    """For a terminal: the answer in the first line; of what is violated the call that proves it, cause and remedy."""
    paint: Paint = painted if color else plain
    lines = [paint(found.headline, "red" if found.of("weaker") or found.lost else "green")]
    for one in (*found.differs, *found.unpaired):
        lines += wrapped(f"  {one}", width, "    ")
    if found.costs:
        lines += ["", paint("costs that are others; none of them passes or fails", "bold")]
        lines += [line for one in found.costs for line in wrapped(f"  {one}", width, "    ")]
    for kind, meaning in CLASSES.items():
        changes = found.of(kind)
        if not changes:
            continue
        lines += ["", paint(f"{kind}: {meaning}", "bold")]
        for change in changes:
            lines += wrapped(f"  {change.says}", width, "    ")
            lines += [line for told in _because(found, change) for line in _fitted(*told, width)]
    return "\n".join(lines) + "\n"


def _fitted(label: str, said: str, width: int) -> list[str]:
    if label == "proof":
        return [cut(f"      {label}: {said}", width)]
    return wrapped(f"      {label}: {said}", width, "          ")


def _because(found: Comparison, change: Change) -> Iterator[tuple[str, str]]:
    """("proof", ...), ("cause", ...), ("do", ...) of what is violated now; why the rest was not decided."""
    if change.kind == "weaker" or (change.kind == "new" and change.row.verdict is Verdict.VIOLATED):
        if said := in_short(change.row):
            yield "proof", said
        if found.later is not None:
            yield from reasons(found.later, change.row)
    elif change.kind == "gone" and change.row.verdict not in DECIDED and change.row.reason:
        yield "why", change.row.reason


def markdown(found: Comparison) -> str:
    """Of the same words."""
    parts = [f"**{found.headline}**"]
    if told := (*found.differs, *found.unpaired):
        parts.append("\n".join(f"- {_line(one)}" for one in told))
    for kind, meaning in CLASSES.items():
        if changes := found.of(kind):
            parts += [f"## {kind.capitalize()}: {meaning}", table(_HEAD, (_cells(found, one) for one in changes))]
    if found.costs:
        parts += ["## Costs that are others", "\n".join(f"- {_line(one)}" for one in found.costs)]
    return "\n\n".join(parts) + "\n"


_HEAD = ("box", "guarantee", "a box that breaks it", "before", "after", "")


def _cells(found: Comparison, one: Change) -> list[str]:
    because = "; ".join(f"{label}: {said}" for label, said in _because(found, one))
    return [one.place, f"`{one.guarantee.id}`", one.guarantee.consequence, one.before, one.after, because]


def _line(said: str) -> str:
    return " ".join(said.split()).replace("&", "&amp;").replace("<", "&lt;")
