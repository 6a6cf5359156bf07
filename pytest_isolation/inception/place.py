"""Where something was found, and texts that know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file, as findings show it: FILE:LINE."""

    file: str
    """Relative to the submission."""
    line: int = 0
    """From 1; 0 is the file as a whole."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Text(str):
    """A string that knows where it was written."""

    at: Place

    def __new__(cls, value: str, at: Place) -> Text:
        """A text that knows where it stands."""
        made = super().__new__(cls, value)
        made.at = at
        return made


class Verbatim(Text):
    """One in which `$` and a leading `/` stand for themselves: it was in single quotes."""


class Unreadable(Exception):
    """A file cannot be read as what it should be: `str(error)` is one sentence, `at` where."""

    def __init__(self, message: str, at: Place) -> None:
        super().__init__(message)
        self.at = at


class Broken(Unreadable):
    """No program can read it: it is not this audit's limits, nor something that lies elsewhere."""
