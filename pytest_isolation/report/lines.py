"""Lines of text: wrapped, cut, coloured."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

COLOURS = {"green": "32", "cyan": "36", "yellow": "33", "red": "31;1", "dim": "2", "bold": "1"}
"""ECMA-48 SGR."""

Paint = Callable[[str, str], str]
"""(text, colour) -> the text as it is written."""


def wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    """Lines of at most `width` characters, all but the first indented; one that is empty for ""."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 host", "2 hosts"; `many`: of a word that takes more than an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def printable(text: str) -> str:
    """One line: what came from the box may hold any character."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def cut(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = printable(text)
    return line if len(line) <= width else f"{line[: width - 3]}..."


def plain(text: str, colour: str) -> str:
    """A Paint without colours."""
    return text


def painted(text: str, colour: str) -> str:
    """A Paint for terminals; `colour`: one of COLOURS."""
    return f"\033[{COLOURS[colour]}m{text}\033[0m"
