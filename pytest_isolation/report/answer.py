"""The answer that a result begins with: a verdict a box in its user's words, and what matters most of it.

Every format says these same words (tests/unit/test_answer.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_isolation.guarantees.severity import TITLES, Severity
from pytest_isolation.guarantees.verdicts import Verdict
from pytest_isolation.report.cells import (
    BY_BADNESS,
    HELD,
    INCONCLUSIVE,
    KNOWN,
    NOT_PROMISED,
    UNMEASURED,
    UNSUPPORTED,
    VACUOUS,
    VIOLATED,
    sign_of,
)
from pytest_isolation.report.why import why

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_isolation.report.cells import Matrix, Sign
    from pytest_isolation.report.run import BoxRow, GuaranteeRow, ResultRow, Run

FEW = 4
"""Names in a line."""
PHRASES = 2
"""Of what one cause breaks, in a line."""
WORST = 2
"""Causes a box in a first screen; one each where many boxes are told of."""
MANY = 5
"""Boxes; more of them are many."""
BROKEN = (VIOLATED, NOT_PROMISED, KNOWN)
OPEN = (VACUOUS, INCONCLUSIVE)
OUT = (Severity.HOST, Severity.NEIGHBOUR)
"""Where a broken guarantee is a way out of the box."""
ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing to mend, and all that it breaks."""

    severity: Severity
    broken: tuple[GuaranteeRow, ...]
    """The worst first."""
    required: bool
    """One of them was promised or asked for."""
    label: str
    """ "cause", which was seen, or "usual cause"."""
    cause: str
    """Empty, as `remedy`, where nothing is known of these guarantees."""
    remedy: str

    @property
    def head(self) -> str:
        """ "sends packets it forges, listens to packets of others (reaches a neighbour: net.raw-socket, ...)"."""
        told = {row.consequence or row.claim: row.id for row in reversed(self.broken)}  # of a family the first alone
        first = dict(list(reversed(told.items()))[:PHRASES])
        more = len(self.broken) - len(first)
        ids = f"{', '.join(first.values())}{f' and {more} more' if more else ''}"
        reach = f"{TITLES[self.severity]}: " if self.broken[0].severity is not None else ""
        return f"{', '.join(first)} ({reach}{ids})"

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """("cause", ...) and ("do", ...)."""
        return ((self.label, self.cause), ("do", self.remedy)) if self.cause else ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one box by itself; a guarantee that was asked through both doors holds where it does through both."""

    box: str
    head: str
    """The verdict, and which requirements it breaks."""
    colour: str
    more: tuple[str, ...] = ()
    """What else a user of the box would want to know."""
    causes: tuple[Cause, ...] = ()
    """The worst first."""
    own_kernel: bool = False
    """What opens more of the kernel opens the box's own."""

    @property
    def text(self) -> str:
        """In one line."""
        return "; ".join((self.head, *self.more))

    def shown(self, number: int) -> tuple[Cause, ...]:
        """The worst that a first screen has room for; what harms nobody outside is none, unless it was required."""
        harmless = (Severity.PORTABILITY, Severity.SURFACE) if self.own_kernel else (Severity.PORTABILITY,)
        told = [one for one in self.causes if one.required or one.severity not in harmless]
        return tuple(told[:number])


def answers(run: Run) -> tuple[Answer, ...]:
    """One for each box of the run, in its order."""
    return tuple(answer(run, box) for box in run.boxes)


def answer(run: Run, box: BoxRow) -> Answer:
    """ "not for strangers' code: 2 ways to the host, 3 to neighbours; learns 2 things of the host"."""
    if not box.available:
        return Answer(box.name, "not measured: it is not available (why, and what to do, is below)", "dim")
    worst: dict[str, tuple[Sign, ResultRow]] = {}
    for row in run.results:
        if row.box == box.name and row.sibling is None:
            sign = sign_of(row)
            if row.guarantee not in worst or BY_BADNESS.index(sign) < BY_BADNESS.index(worst[row.guarantee][0]):
                worst[row.guarantee] = sign, row
    if not worst:
        return Answer(box.name, "nothing was measured", "dim")
    signs = {id: sign for id, (sign, _) in worst.items()}
    known = {row.id: row for row in run.guarantees}
    required = [id for id, sign in signs.items() if sign is VIOLATED]
    undecided = [id for id, sign in signs.items() if sign in OPEN]
    causes = _causes(run, (row for sign, row in worst.values() if sign in BROKEN), known)
    first, *more = _verdict(box, signs, known)
    first += "".join(f"; {words}" for words in _kept([row for _, row in worst.values()], required))
    more.append(_held(list(signs.values())))
    colour = "red" if required or undecided else "yellow" if any(one.severity in OUT for one in causes) else "green"
    return Answer(box.name, first, colour, tuple(more), causes, _own_kernel(box))


def _verdict(box: BoxRow, signs: dict[str, Sign], known: dict[str, GuaranteeRow]) -> list[str]:
    """The verdict, and what else a user of the box would want to know."""
    of = {id: row.severity for id in signs if (row := known.get(id)) is not None and row.severity is not None}
    broken = {one: _ways((id for id in of if of[id] is one and signs[id] in BROKEN), known) for one in Severity}
    tried = len(_ways((id for id in of if of[id] in OUT and signs[id] in (*HELD, *BROKEN)), known))
    in_doubt = len(_ways((id for id in of if of[id] in OUT and signs[id] in OPEN), known))
    host, neighbours = len(broken[Severity.HOST]), len(broken[Severity.NEIGHBOUR])
    asked = sum(sign is not UNSUPPORTED for sign in signs.values())
    if not of:  # a report of a version whose guarantees had no severity
        return [f"{sum(sign in BROKEN for sign in signs.values())} violated"]
    if not asked:
        return ["nothing of this could be asked"]
    if host or neighbours:
        to = [_number(host, "way") + " to the host"] if host else []
        whom = "a neighbour" if neighbours == 1 else "neighbours"
        to += [f"{neighbours if host else _number(neighbours, 'way')} to {whom}"] if neighbours else []
        said = [f"not for strangers' code: {', '.join(to)}"]
    elif in_doubt:
        said = [f"cannot say: {in_doubt} of {_number(tried + in_doubt, 'way')} out undecided"]
    elif tried:
        said = [f"no way out found in {tried} tried{_kernel(box)}"]
    else:
        said = ["no way out was tried"]
    for one, words in (
        (
            Severity.SURFACE,
            "opens more of its own kernel in {}" if _own_kernel(box) else "opens more of the kernel in {}",
        ),
        (Severity.LEARNS, "learns {} of the host"),
        (Severity.USE, "exceeds its share in {}"),
        (Severity.PORTABILITY, "behaves differently in {}"),
    ):
        unit = "thing" if one is Severity.LEARNS else "way"
        if broken[one]:
            said.append(words.format(_number(len(broken[one]), unit)))
    return said


def _kept(rows: Sequence[ResultRow], required: Sequence[str]) -> list[str]:
    """ "keeps all 122 promises of its documents", or which of them the box breaks; nothing where none is required.

    A claim of the technology's documents is a promise; what a profile or a baseline asks for is a requirement.
    """
    asked = [row for row in rows if row.required_by is not None and row.verdict is not Verdict.UNSUPPORTED]
    claimed = all(row.required_by == "claim" for row in asked)
    unit, whose = ("promise", " of its documents") if claimed else ("requirement", "")
    if required:
        return [f"breaks {len(required)} of {_number(len(asked), unit)}{whose}: {_named(required)}"]
    kept = sum(row.verdict is Verdict.HOLDS for row in asked)
    if kept < len(asked):  # what a baseline knows is not kept, either; the undecided are counted below
        return [f"keeps {kept} of {_number(len(asked), unit)}{whose}"]
    return (
        [f"keeps {'the only' if kept == 1 else f'all {kept}'} {unit}{'' if kept == 1 else 's'}{whose}"] if kept else []
    )


def _held(signs: Sequence[Sign]) -> str:
    """ "126 of 159 guarantees hold, 4 cannot be asked"."""
    asked = [sign for sign in signs if sign is not UNSUPPORTED]
    held = sum(sign in HELD for sign in asked)
    parts = [f"{held} of {_number(len(asked), 'guarantee')} {'holds' if len(asked) == 1 else 'hold'}"] if asked else []
    for number, word in (
        (sum(sign in OPEN for sign in asked), "undecided"),
        (len(signs) - len(asked), "cannot be asked"),
    ):
        parts += [f"{number} {word}"] if number else []
    return ", ".join(parts)


def _ways(ids: Iterable[str], known: dict[str, GuaranteeRow]) -> set[str]:
    """A family is one way, however many of its members are broken: one check over a table."""
    return {known[id].family or id for id in ids}


def _kernel(box: BoxRow) -> str:
    """A way that no check tries: an error of the kernel that box and host share."""
    if box.given is None:
        return ""
    return ", on a kernel of its own" if _own_kernel(box) else ", on the host's kernel"


def _own_kernel(box: BoxRow) -> bool:
    return any(row.kind == "kernel" for row in box.given or ())


def _causes(run: Run, rows: Iterable[ResultRow], known: dict[str, GuaranteeRow]) -> tuple[Cause, ...]:
    """Those that one remedy mends together."""
    found: dict[tuple[str, str], list[tuple[ResultRow, GuaranteeRow]]] = {}
    labels: dict[tuple[str, str], str] = {}
    for row in rows:
        one = known.get(row.guarantee)
        if one is None:
            continue
        told = why(run, row)
        key = (told.cause, told.remedy) if told is not None else ("", row.guarantee)
        label = "cause" if told is not None and told.seen else "usual cause"
        labels[key] = min(label, labels.get(key, label))
        found.setdefault(key, []).append((row, one))
    causes = []
    for (cause, remedy), held in found.items():
        broken = sorted((one for _, one in held), key=_rank)
        causes.append(
            Cause(
                broken[0].severity or Severity.PORTABILITY,
                tuple(broken),
                any(sign_of(row) is VIOLATED for row, _ in held),
                labels[cause, remedy],
                cause,
                remedy if cause else "",
            )
        )
    return tuple(sorted(causes, key=lambda one: (ORDER.index(one.severity), not one.required, -len(one.broken))))


def _rank(row: GuaranteeRow) -> int:
    return ORDER.index(row.severity) if row.severity is not None else len(ORDER)


def _number(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _told(rows: Iterable[GuaranteeRow]) -> list[str]:
    """What is done where these are broken, and the id; of a family the first."""
    said: dict[str, str] = {}
    for row in rows:
        id = row.family or row.id
        said.setdefault(id, f"{row.consequence} ({id})" if row.consequence else id)
    return list(said.values())


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


# -- what matters most, of several boxes together --------------------------------------------


def most_serious(told: Sequence[Answer]) -> list[tuple[list[str], Cause]]:
    """(boxes, cause): two a box, one where boxes are many; what is the same of several boxes once."""
    number = WORST if len(told) <= MANY else 1
    found: dict[tuple[str, ...], tuple[list[str], Cause]] = {}
    for one in told:
        for cause in one.shown(number):
            key = (cause.head, cause.cause, cause.remedy)
            found.setdefault(key, ([], cause))[0].append(one.box)
    return list(found.values())


def further_ways_out(told: Sequence[Answer]) -> list[tuple[list[str], str]]:
    """(boxes, "reaches the host: opens a door (net.a); reaches a neighbour: ..."): what `most_serious` does not name.

    Of a family one.  Nothing where boxes are many.
    """
    found: dict[str, list[str]] = {}
    for one in told if len(told) <= MANY else ():
        shown = {row.id for cause in one.shown(WORST) for row in cause.broken}
        rows = [row for cause in one.causes for row in cause.broken if row.id not in shown]
        ways = {TITLES[way]: _told(row for row in rows if row.severity is way) for way in OUT}
        if words := "; ".join(f"{title}: {_named(told)}" for title, told in ways.items() if told):
            found.setdefault(words, []).append(one.box)
    return [(boxes, words) for words, boxes in found.items()]


# -- counts by domain ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Counts:
    """How many guarantees hold, by domain and column."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]
    """(domain, "34/36" for each column: how many hold of those that could be asked); "-" where none could."""
    total: tuple[str, ...]


def counts(shown: Matrix) -> Counts:
    """Of all that is shown; what nobody could ask is not counted."""
    lines, sums = [], [[0, 0] for _ in shown.columns]
    for domain, rows in shown.domains:
        cells = []
        for column, total in zip(shown.columns, sums, strict=True):
            signs = [found for row in rows if (found := shown.cells.get((row.id, column)))]
            asked = [found for found in signs if any(sign is not UNSUPPORTED for sign in found)]
            held = sum(all(sign in HELD or sign is UNSUPPORTED for sign in found) for found in asked)
            total[0] += held
            total[1] += len(asked)
            cells.append(f"{held}/{len(asked)}" if asked else "-")
        lines.append((domain, tuple(cells)))
    return Counts(shown.columns, tuple(lines), tuple(f"{held}/{asked}" for held, asked in sums))


def deviating(shown: Matrix) -> Matrix:
    """The rows of which not every box holds what it could be asked."""
    fine = (*HELD, UNSUPPORTED, UNMEASURED)
    domains = [
        (domain, tuple(one for one in rows if not all(_fine(shown, one, column, fine) for column in shown.columns)))
        for domain, rows in shown.domains
    ]
    return replace(shown, domains=tuple((domain, rows) for domain, rows in domains if rows))


def _fine(shown: Matrix, one: GuaranteeRow, column: str, fine: tuple[Sign, ...]) -> bool:
    return all(sign in fine for sign in shown.cells.get((one.id, column), ()))
