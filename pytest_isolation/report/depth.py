"""How many layers a guarantee rests on, in words: what one hole breaks, what two break, what none that was opened does.

The layers are defences, as holes.toml names them: a guarantee of which one hole takes the only defence away rests on
one layer, whatever else the box has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_isolation.report.families import name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_isolation.report.further import BoxDepth
    from pytest_isolation.report.run import GuaranteeRow, Run

MORE = "more than was opened here"
FEW = 4
"""Names in a line of a terminal."""


@dataclass(frozen=True, slots=True)
class Fall:
    """A set of defences without which guarantees fall that held."""

    change: str
    """ "without system-call-filter", "with CAP_BPF", or several joined by "and"."""
    holes: tuple[str, ...]
    """The holes that took them away: each of them alone is enough; of sets, "share-user with drop-seccomp"."""
    guarantees: tuple[str, ...]
    """Ids; of a family its pattern, and how many of it."""
    number: int
    """Of guarantees."""

    def line(self, names: int | None = None) -> str:
        """ "without system-call-filter 14 fall: sec.unshare-refused, ..."."""
        shown = self.guarantees if names is None or len(self.guarantees) <= names else self.guarantees[:names]
        more = len(self.guarantees) - len(shown)
        fall = "falls" if self.number == 1 else "fall"
        return f"{self.change} {self.number} {fall}: {', '.join(shown)}{f' and {more} more' if more else ''}"


@dataclass(frozen=True, slots=True)
class Told:
    """Of one box."""

    box: str
    head: str
    """ "134 hold: 96 rest on one layer, 5 on two, 33 on more than was opened here"."""
    falls: tuple[Fall, ...]
    """Single points of failure, the one first without which most fall; then sets."""
    firm: tuple[str, ...]
    """Guarantees that nothing broke."""
    notes: tuple[str, ...]


def told(run: Run) -> tuple[Told, ...]:
    """A part for each box whose layers were counted."""
    known = {row.id: row for row in run.guarantees}
    return tuple(_told(one, known) for one in run.depth)


def _told(one: BoxDepth, known: dict[str, GuaranteeRow]) -> Told:
    firm = [row.guarantee for row in one.guarantees if not row.breakers and row.asked]
    unasked = sum(not row.asked for row in one.guarantees)
    counts = {size: sum(row.layers == size for row in one.guarantees) for size in (1, 2, 3, 4)}
    parts = [
        f"{counts[1]} rest{'s' if counts[1] == 1 else ''} on one layer",
        *(f"{counts[size]} on {('two', 'three', 'four')[size - 2]}" for size in (2, 3, 4) if counts[size]),
        f"{len(firm)} on {MORE}",
        *([f"of {unasked} no box with a hole told anything"] if unasked else []),
    ]
    return Told(
        one.box,
        f"{len(one.guarantees)} hold: {', '.join(parts)}",
        tuple(_falls(one, known)),
        tuple(folded(firm, known)),
        tuple(_notes(one)),
    )


def _falls(one: BoxDepth, known: dict[str, GuaranteeRow]) -> Iterator[Fall]:
    """By set of defences: two holes may take away one."""
    broken: dict[tuple[str, ...], dict[str, None]] = {}
    holes: dict[tuple[str, ...], dict[str, None]] = {}
    for row in one.guarantees:
        for breaker in row.breakers:
            without = tuple(dict.fromkeys(one.defences.get(hole, hole) for hole in breaker))
            broken.setdefault(without, {})[row.guarantee] = None
            holes.setdefault(without, {})[" with ".join(breaker)] = None
    for without in sorted(broken, key=lambda names: (len(names), -len(broken[names]), names)):
        ids = list(broken[without])
        yield Fall(" and ".join(map(words, without)), tuple(holes[without]), tuple(folded(ids, known)), len(ids))


def words(defence: str) -> str:
    """A capability that is not given is a defence, and giving it takes that away."""
    before, given, capability = defence.partition("without-cap-")
    return f"with CAP_{capability.upper().replace('-', '_')}" if given and not before else f"without {defence}"


def folded(ids: Iterable[str], known: dict[str, GuaranteeRow]) -> Iterator[str]:
    """Ids in their order; two or more of a family in its name: `cap.*-dropped (27: chown, kill, ...)`."""
    ids = list(ids)
    families: dict[str, list[str]] = {}
    for id in ids:
        if (row := known.get(id)) is not None and row.family is not None:
            families.setdefault(row.family, []).append(name(row))
    said: set[str] = set()
    for id in ids:
        row = known.get(id)
        family = row.family if row is not None else None
        if family is None or len(families[family]) == 1:
            yield id
        elif family not in said:
            said.add(family)
            yield f"{family} ({len(families[family])}: {', '.join(families[family])})"


def _notes(one: BoxDepth) -> Iterator[str]:
    pairs = {"2": "in pairs", "3": "by threes", "4": "by fours"}
    sets = "".join(f"; {number} boxes {pairs.get(size, f'by {size}')}" for size, number in one.together.items())
    yield f"{len(one.opened)} holes were opened one by one{sets}; {one.seconds:.0f} s"
    if one.cut_short:
        yield "the time was over before all were opened: more may fall"
    reasons: dict[str, list[str]] = {}
    for hole, why in one.refused.items():
        reasons.setdefault(why, []).append(hole)
    for why, holes in reasons.items():
        yield f"not opened: {', '.join(holes)}: {why}"


LEGEND = (
    "a layer is a defence that one hole takes away (a namespace, the filter, a capability that is not given); each "
    "hole was opened in a further box of the same spec, and what held without it was asked again, with a few examples; "
    "a guarantee that needs a box of its own, or waits for seconds, was asked in boxes with holes of its control alone"
)
