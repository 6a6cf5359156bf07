"""The lines of the matrix: a family is one line as long as its members agree, and opens where they do not.

A line of a family stands for the members whose signs are equal in every column: for most of them.  The others have a
line each below it.  The JSON report has a row for each member, whatever they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_isolation.report.run import GuaranteeRow


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the matrix."""

    members: tuple[GuaranteeRow, ...]
    """One guarantee, or those of a family that say the same."""
    of: int = 1
    """Members of the family that were measured."""
    open: bool = False
    """It differs from the line of its family, which is above it."""

    @property
    def folded(self) -> bool:
        """Whether it stands for several guarantees."""
        return len(self.members) > 1

    @property
    def id(self) -> str:
        """The guarantee's, or the family's with how many members are meant: `cap.*-dropped (27 of 41)`."""
        if not self.folded:
            return self.members[0].id
        number = len(self.members)
        return f"{self.members[0].family} ({number if number == self.of else f'{number} of {self.of}'})"

    @property
    def claim(self) -> str:
        """The guarantee's, or what the claims of the members have in common, and the members' names."""
        if not self.folded:
            return self.members[0].claim
        return f"{common([one.claim for one in self.members])}: {', '.join(map(name, self.members))}"


def lines(rows: Iterable[GuaranteeRow], says: Callable[[GuaranteeRow], object]) -> Iterator[Line]:
    """Of guarantees in the order of a report; `says`: what a line shows of one, comparable."""
    rows = tuple(rows)
    shown: set[str] = set()
    for row in rows:
        if row.family is None:
            yield Line((row,))
        elif row.family not in shown:
            shown.add(row.family)
            yield from _of_family([one for one in rows if one.family == row.family], says)


def _of_family(members: Sequence[GuaranteeRow], says: Callable[[GuaranteeRow], object]) -> Iterator[Line]:
    groups: dict[object, list[GuaranteeRow]] = {}
    for one in members:
        groups.setdefault(says(one), []).append(one)
    most = max(groups.values(), key=len)
    if len(most) > 1:
        yield Line(tuple(most), of=len(members))
    for one in members:
        if len(most) == 1 or one not in most:
            yield Line((one,), of=len(members), open=len(most) > 1)


def name(member: GuaranteeRow) -> str:
    """What tells a member of a family from the others: `chown` of cap.chown-dropped; else its id."""
    before, star, after = (member.family or "").partition("*")
    fits = star and "*" not in after and member.id.startswith(before) and member.id.endswith(after)
    return member.id[len(before) : len(member.id) - len(after)] if fits else member.id


def common(texts: Sequence[str]) -> str:
    """The words that `texts` begin and end with, and `...` for those between in which they differ."""
    words = [text.split() for text in texts]
    shortest = min(map(len, words))
    front = next((at for at in range(shortest) if len({one[at] for one in words}) > 1), shortest)
    back = next((at for at in range(shortest - front) if len({one[-1 - at] for one in words}) > 1), shortest - front)
    if front == shortest == max(map(len, words)):
        return texts[0]
    first = words[0]
    return " ".join((*first[:front], "...", *first[len(first) - back :]))
