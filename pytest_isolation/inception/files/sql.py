"""SQL that reaches the database: what --bootstrap and clients read, what -e says, and --init-file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pytest_isolation.inception.files.flow import Files, Output, Pieces
from pytest_isolation.inception.place import Place

SERVERS = frozenset({"mysqld", "mariadbd", "mysqld_safe", "mariadbd-safe"})
CLIENTS = frozenset({"mysql", "mariadb"})
ROWS = frozenset({"-N", "-s", "-B", "-sN", "-Ns", "-sse", "-Nse", "-sNe"})
"""Options of a client that is asked something."""


@dataclass(frozen=True, slots=True)
class Fed:
    """What one program of the database is given."""

    how: Literal["bootstrap", "init", "client"]
    text: Output
    """None where that is not known."""
    at: Place


def fed(files: Files) -> Iterator[Fed]:
    """Of the build and of the start, in this order."""
    for one in files.ran:
        words = one.words
        if one.name in SERVERS and "--bootstrap" in words:
            yield Fed("bootstrap", one.fed, one.at)
        elif one.name in SERVERS and any(word.startswith("--init-file") for word in words):
            yield Fed("init", one.fed, one.at)
        elif one.name in CLIENTS:
            said = list(_said(words))
            if said and all(re.match(r"(source|\\\.)\s", text.strip()) for text in said):
                yield Fed("client", one.fed, one.at)
            elif said:
                yield from (Fed("client", ((text, one.at),), one.at) for text in said)
            elif one.fed != () and not ROWS & set(words):
                yield Fed("client", one.fed, one.at)


def _said(words: tuple[str, ...]) -> Iterator[str]:
    """What -e says."""
    for word, after in pairwise(words):
        if word in ("--execute",) or re.fullmatch(r"-[A-Za-z]*e", word):
            yield after
    for word in words[1:]:
        if word.startswith("--execute="):
            yield word[10:]
        elif match := re.match(r"-e(?=[A-Z])(.*)", word, re.S):
            yield match[1]


PIECE = re.compile(
    r"(?P<comment>--(?=\s|$)[^\n]*|\#[^\n]*|/\*(?!!)(?:[^*]|\*(?!/))*\*/)|(?P<end>;)"
    r"|(?P<quoted>'(?:\\.|''|[^'\\])*'|\"(?:\\.|\"\"|[^\"\\])*\"|`[^`]*`)|(?P<other>[^-#/;'\"`]+|.)",
    re.S,
)


def statements(pieces: Pieces) -> list[tuple[str, Place]]:
    """(statement without comments, place of its first word)"""
    whole = "".join(text for text, _ in pieces)
    ends: list[tuple[int, Place]] = []
    length = 0
    for text, at in pieces:
        length += len(text)
        ends.append((length, at))
    found: list[tuple[str, Place]] = []
    made, begin = "", 0
    for match in PIECE.finditer(whole):
        if match["comment"]:
            made += " "
            continue
        if match["end"]:
            found.append((made.strip(), _place(ends, begin)))
            made = ""
            continue
        if not made.strip():
            begin = match.start() + len(match[0]) - len(match[0].lstrip())
        made += match[0]
    if made.strip():
        found.append((made.strip(), _place(ends, begin)))
    return [(text, at) for text, at in found if text]


def _place(ends: list[tuple[int, Place]], offset: int) -> Place:
    return next((at for end, at in ends if offset < end), ends[-1][1])
