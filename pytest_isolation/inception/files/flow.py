"""Texts that flow through a script into files, each line with the place where it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from pytest_isolation.inception.place import Place

MAX_TEXT = 200_000
"""Characters of one file; what would be longer is not known."""

Pieces = tuple[tuple[str, Place], ...]
"""Texts one behind the other; each stands at one place, however many lines it has."""
Output = Pieces | None
"""What a command prints; None where that is not known."""


def text_of(pieces: Pieces) -> str:
    """The text as a whole."""
    return "".join(text for text, _ in pieces)


def lines_of(pieces: Pieces) -> list[tuple[str, Place]]:
    """(line without its end, place of what it begins with)"""
    found: list[tuple[str, Place]] = []
    line, at = "", None
    for text, place in pieces:
        first, *more = text.split("\n")
        line, at = line + first, at or (place if text else None)
        for one in more:
            found.append((line, at or place))
            line, at = one, place if one else None
    if line:
        found.append((line, at or pieces[-1][1]))
    return found


def of_lines(lines: Iterable[tuple[str, Place]]) -> Pieces:
    """The other way."""
    return tuple((f"{line}\n", at) for line, at in lines)


def from_file(text: str, file: str, first_line: int = 1) -> Pieces:
    """A file of the submission."""
    lines = text.split("\n")
    last = lines.pop()
    found = [(f"{line}\n", Place(file, first_line + number)) for number, line in enumerate(lines)]
    return (*found, (last, Place(file, first_line + len(lines)))) if last else tuple(found)


def mapped(pieces: Pieces, change: Callable[[list[str]], list[str]]) -> Pieces:
    """After a change of the lines; what a line becomes, be it several, stands where the line did."""
    lines = lines_of(pieces)
    if not lines:
        return ()
    made = change([line for line, _ in lines])
    return tuple((f"{line}\n", at) for line, (_, at) in zip(made, lines, strict=True))


@dataclass(frozen=True, slots=True)
class Held:
    """One file of a container."""

    pieces: Pieces
    source: str = ""
    """File of the submission that it is a copy of; "" where a script wrote it, or a package."""
    certain: bool = True
    """False where something that was not understood may have changed it."""
    shipped: bool = False
    """Of a package, and nothing changed it: only those of its lines are here that decide."""
    others: tuple[Pieces, ...] = ()
    """What it is after the other branches of the script that wrote it."""
    writes: int = 0
    """Commands of scripts that wrote it."""
    used: bool = False
    """Another file was made of it."""

    @property
    def text(self) -> str:
        """The whole text."""
        return text_of(self.pieces)

    @property
    def places(self) -> Sequence[Place]:
        """Of its lines, the first first."""
        return [at for _, at in lines_of(self.pieces)]

    def place(self, offset: int) -> Place:
        """Of the line that a character of `text` is in."""
        number = self.text.count("\n", 0, offset)
        places = self.places
        return places[min(number, len(places) - 1)] if places else Place(self.source)

    def written(self, pieces: Output, *, more: bool = False) -> Held:
        """After a command wrote it, or wrote more to its end."""
        if pieces is None:
            return Held(self.pieces if more else (), certain=False, writes=self.writes + 1)
        whole = (*(self.pieces if more else ()), *pieces)
        if sum(len(text) for text, _ in whole) > MAX_TEXT:
            return Held((), certain=False, writes=self.writes + 1)
        certain = self.certain or not more
        return Held(whole, self.source if more else "", certain, False, (), self.writes + 1)

    def unknown(self) -> Held:
        """After something that is not understood."""
        return replace(self, certain=False, shipped=False, writes=self.writes + 1)


@dataclass(frozen=True, slots=True)
class Ran:
    """One command that runs when an image is built, or its container starts."""

    words: tuple[str, ...]
    """With the values that are known; programs that only start others are looked through."""
    fed: Output
    """What it reads; None where that is not known."""
    at: Place
    building: bool

    @property
    def name(self) -> str:
        """The program's base name."""
        return self.words[0].rpartition("/")[2] if self.words else ""


@dataclass(slots=True)
class Files:
    """Path in the container -> file, as they are when its daemon starts."""

    held: dict[str, Held] = field(default_factory=dict)
    cut: bool = False
    """A script could not be followed to its end."""
    ran: list[Ran] = field(default_factory=list)
    """Commands, those of the build first."""
    unseen: set[str] = field(default_factory=set)
    """Paths at which something lies that is not known, from another image or another stage."""

    def started(self, *names: str) -> list[Ran]:
        """Commands of these programs that run when the container starts."""
        return [one for one in self.ran if not one.building and one.name in names]
