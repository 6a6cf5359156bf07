"""What the page tells of each guarantee: what broke it and where, and the facts of all boxes, each text once.

Boxes that made the same calls are one paragraph, with what differs in it.  A fact (cause, control, claim, ...) is said
once with the boxes of which it is so, and the source of a claim is a number of the list at the end of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pytest_isolation.guarantees.verdicts import Claim, Control, Verdict
from pytest_isolation.report import summary
from pytest_isolation.report.cells import HELD, UNMEASURED, UNSUPPORTED, sign_of
from pytest_isolation.report.doors import places
from pytest_isolation.report.lines import cut
from pytest_isolation.report.why import lines as reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_isolation.report.cells import Matrix, Sign
    from pytest_isolation.report.doors import Doors
    from pytest_isolation.report.run import Evidence, GuaranteeRow, ResultRow, Run

Thing = TypeVar("Thing")
Calls: TypeAlias = tuple[str, ...]
Facts: TypeAlias = tuple[tuple[str, str], ...]
"""(label, text)."""

NUMBER = re.compile(r"\b[1-9][0-9]*\b")
"""Of a call: a descriptor, a process, a size.  Zero says something else."""
DRAWN = "data(...)"
"""What Hypothesis says of values that were drawn while the check ran: they are in the program."""
WIDEST = 400
"""Letters of a line of evidence."""
LABELS = ("why", "cause", "usual cause", "do", "control", "decided by", "claim", "seen", "carried over")
"""Of facts, in the order of an article."""
OF_VIOLATED = LABELS[1:4]
"""Facts of what does not hold."""
FEW = 3
"""Boxes that are always named; more than these that one thing is said of, if of the most, are "the others"."""


@dataclass(frozen=True, slots=True)
class Place:
    """A box, or one door of it."""

    name: str
    anchor: str
    """What its cell leads to; empty of a second door."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one guarantee, on the boxes that broke it, or left it open, by the same calls."""

    word: str
    tone: str
    places: tuple[Place, ...]
    """Those of which nothing else is to be told than of the first."""
    program: tuple[tuple[bool, str], ...]
    """(whether it proves it, the call)."""
    left: int
    """Calls before the first of `program`."""
    witnessed: Facts
    """What the witness saw, and what the check was given."""
    alike: tuple[Alike, ...] = ()


@dataclass(frozen=True, slots=True)
class Alike:
    """Further places, whose calls are the same but for numbers and names of the run, and what else differs there."""

    places: tuple[Place, ...]
    calls: Calls
    """Those that prove it."""
    witnessed: Facts


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a fact."""

    text: str
    where: str = ""
    """ "docker, podman", "the others"; empty where it is said of all that it could be said of."""
    cited: tuple[tuple[str, int], ...] = ()
    """Of a claim: (places, the number of its source from 1 or 0 for none); one without places is of all."""


@dataclass(frozen=True, slots=True)
class Article:
    """What is told of one guarantee."""

    row: GuaranteeRow
    anchor: str
    title: str
    fine: bool
    """It holds in every box that could be asked."""
    cell: str
    """What a cell that holds leads to."""
    seen: tuple[Seen, ...]
    rest: tuple[tuple[str, str, str], ...]
    """(word, tone, boxes): those that hold, or could not be asked."""
    facts: tuple[tuple[str, tuple[Said, ...]], ...]
    """(label, what is said)."""


@dataclass(frozen=True, slots=True)
class Writer:
    """What articles are written of."""

    run: Run
    shown: Matrix
    doors: Doors
    calls: int
    """Shown of each program, the last of them, at most."""
    sources: Mapping[str, int]
    """Source of a claim -> its number."""
    tones: Mapping[str, str]
    """Colour of a sign -> a name of the page's."""
    technologies: Mapping[str, str]
    """Box -> its technology."""
    rows: Mapping[str, Sequence[ResultRow]]
    """Guarantee -> its rows; pairs have a section of their own."""

    def article(self, row: GuaranteeRow) -> Article:
        """Of one guarantee of the matrix."""
        held = {place: found[0] for place, found in places(self.rows.get(row.id, ()), self.doors).items()}
        good = is_fine(sign for column in self.shown.columns for sign in self.shown.cells.get((row.id, column), ()))
        return Article(
            row=row,
            anchor=anchor(row.id),
            title=f"{row.id}: {row.consequence}" if row.consequence and not good else row.id,
            fine=good,
            cell=cell_anchor(self.shown, row.id),
            seen=tuple(self._seen(held)),
            rest=tuple(self._rest(held)),
            facts=tuple(self._facts(row, held)),
        )

    def _seen(self, held: Mapping[str, ResultRow]) -> Iterator[Seen]:
        """Places by their calls, and those of one program by what differs."""
        anchors: set[str] = set()
        found: dict[tuple[object, ...], dict[tuple[Calls, Facts], list[tuple[Place, ResultRow]]]] = {}
        for name, row in held.items():
            sign = sign_of(row)
            if is_fine((sign,)):
                continue
            at = cell_anchor(self.shown, row.guarantee, row.box)
            place = Place(name, "" if at in anchors else at)
            anchors.add(at)
            program, _ = program_of(row.evidence[:1], self.calls)
            seen = _witnessed(row)
            form = sign.word, _form(program), tuple(label for label, _ in seen)
            found.setdefault(form, {}).setdefault((_proving(program), seen), []).append((place, row))
        for groups in found.values():
            (proving, witnessed), first = next(iter(groups.items()))
            row = first[0][1]
            program, left = program_of(row.evidence[:1], self.calls)
            yield Seen(
                word=sign_of(row).word,
                tone=self.tones[sign_of(row).colour],
                places=tuple(place for place, _ in first),
                program=program,
                left=left,
                witnessed=witnessed,
                alike=tuple(
                    Alike(
                        tuple(place for place, _ in others),
                        calls if calls != proving else (),
                        tuple(one for one in seen if one not in witnessed),
                    )
                    for (calls, seen), others in list(groups.items())[1:]
                ),
            )

    def _rest(self, held: Mapping[str, ResultRow]) -> Iterator[tuple[str, str, str]]:
        found: dict[Sign, list[str]] = {}
        for name, row in held.items():
            if is_fine((sign := sign_of(row),)):
                found.setdefault(sign, []).append(name)
        for sign, names in _others(found, len(held)):
            yield sign.word, self.tones[sign.colour], names

    def _facts(self, promise: GuaranteeRow, held: Mapping[str, ResultRow]) -> Iterator[tuple[str, tuple[Said, ...]]]:
        found: dict[str, dict[str, list[str]]] = {}
        claims: dict[str, dict[int, list[str]]] = {}
        bad = {name for name, row in held.items() if not is_fine((sign_of(row),))}
        for name, row in held.items():
            for label, text in self._of(promise, row):
                found.setdefault(label, {}).setdefault(text, []).append(name)
            number = self.sources.get(row.claim_source or "", 0)
            claims.setdefault(_claim(row), {}).setdefault(number, []).append(name)
        for label in LABELS:
            if label == "claim":
                yield label, tuple(_claimed(claims))
            elif texts := found.get(label):
                yield label, tuple(_said(texts, (bad if label in OF_VIOLATED else set()) or set(held)))

    def _of(self, promise: GuaranteeRow, row: ResultRow) -> Iterator[tuple[str, str]]:
        """What a reader may ask of a row, but for its claim: (label, text)."""
        if row.reason and row.reason != f"{promise.claim}: broken":  # which the article begins with
            yield "why", row.reason
        if row.verdict is Verdict.VIOLATED:
            yield from reasons(self.run, row)
        elif row.remedy:
            yield "do", row.remedy
        if row.verdict is not Verdict.UNSUPPORTED:
            control = f"{row.control}" + (f" on {self._control_box(row)}" if row.control_box else "")
            yield "control", control if row.control is not Control.NONE else "none on this machine"
            yield "decided by", f"{row.oracle}, {row.examples} examples, {row.coverage}"
        if row.remark:
            yield "seen", row.remark
        if row.carried:
            yield "carried over", f"measured by the run of {row.carried}"

    def _control_box(self, row: ResultRow) -> str:
        own = row.control_box in (row.box, self.technologies.get(row.box))
        return "its own technology" if own and len(self.shown.columns) > 1 else f"{row.control_box}"


def anchor(guarantee: str) -> str:
    """What a link to a guarantee leads to, in every report of it: of letters that an id may have."""
    return f"g-{guarantee}"


def cell_anchor(shown: Matrix, guarantee: str, box: str | None = None) -> str:
    """The same for a cell, or for what a box did with it: short, since there are thousands, and of this page alone."""
    return f"c{shown.numbers[guarantee]}" + (f"-{shown.columns.index(box)}" if box in shown.columns else "")


def is_fine(signs: Iterable[Sign]) -> bool:
    """Nothing of it was found broken, or left open."""
    return all(sign in (*HELD, UNSUPPORTED, UNMEASURED) for sign in signs)


def program_of(evidence: Iterable[Evidence], calls: int) -> tuple[tuple[tuple[bool, str], ...], int]:
    """(the last `calls`, which end with one that proves it; how many were before them)."""
    for one in evidence:
        made = [(number in one.proof, cut(call, WIDEST)) for number, call in enumerate(one.calls)]
        return tuple(made[-calls:]), max(0, len(made) - calls)
    return (), 0


def _form(program: Iterable[tuple[bool, str]]) -> str:
    """What two programs have in common that differ in numbers and in names of their run alone."""
    return NUMBER.sub("*", summary.same(repr(program)))


def _proving(program: Iterable[tuple[bool, str]]) -> Calls:
    return tuple(call for proves, call in program if proves)


def _witnessed(row: ResultRow) -> Facts:
    said = []
    for evidence in row.evidence[:1]:
        given = {name: value for name, value in evidence.example.items() if value != DRAWN}
        for label, held in (("witness", evidence.observed), ("with", given)):
            if held:
                said.append((label, "; ".join(cut(f"{name} = {value}", WIDEST) for name, value in held.items())))
    return tuple(said)


def _said(texts: Mapping[str, list[str]], whole: set[str]) -> Iterator[Said]:
    """`whole`: the places of which the only text is said without naming them."""
    if len(texts) == 1 and all(whole <= set(names) for names in texts.values()):
        yield from map(Said, texts)
    else:
        for text, names in _others(texts, sum(map(len, texts.values()))):
            yield Said(text, names)


def _claim(row: ResultRow) -> str:
    """What is promised is required, unless something else requires it."""
    implied = row.required_by is None or (row.claim is Claim.PROMISED and row.required_by == "claim")
    return f"{row.claim}" if implied else f"{row.claim}, required by {row.required_by}"


def _claimed(claims: Mapping[str, Mapping[int, list[str]]]) -> Iterator[Said]:
    """By what is claimed, and of that by where it is written."""
    found = {(words, at): names for words, numbers in claims.items() for at, names in numbers.items()}
    said: dict[str, list[tuple[str, int]]] = {}
    for (words, at), names in _others(found, sum(map(len, found.values()))):
        said.setdefault(words, []).append(("" if len(found) == 1 else names, at))
    last = words
    for words in (*(one for one in said if one != last), last):
        yield Said(words, cited=tuple(said[words]))


def _others(found: Mapping[Thing, list[str]], number: int) -> Iterator[tuple[Thing, str]]:
    """(a thing, its places); that with the most of `number` places comes last: "the others", where some were named."""
    most = max(found, key=lambda one: len(found[one]), default=None)
    for thing, names in found.items():
        if thing != most:
            yield thing, ", ".join(names)
    if most is not None:
        names = found[most]
        yield most, "the others" if FEW < len(names) < number else ", ".join(names)
