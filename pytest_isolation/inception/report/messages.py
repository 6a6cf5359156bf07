"""The words of the student's page, in the language that was asked for.

English is the source: a text is its own key. Other languages are catalogues, `data/messages/LANGUAGE.toml`, with a
table `[messages]` of English texts and theirs. What a program prints, and what the submission wrote, is in none: where
a text names something of the submission, its key has `{place}` there, and so has the other language's text.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "en"
LANGUAGES = (SOURCE, "fr")
PLACE = re.compile(r"\{(\w+)\}")


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """English text -> that language's; empty for English.  Raises KeyError for a language without a catalogue."""
    if language == SOURCE:
        return {}
    if language not in LANGUAGES:
        raise KeyError(language)
    text = (files("pytest_isolation.inception") / f"data/messages/{language}.toml").read_text(encoding="utf-8")
    messages: dict[str, str] = tomllib.loads(text)["messages"]
    return messages


@cache
def _templates(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """(what an English text with its values in looks like, the other language's), those with the most words first."""
    found = []
    for key, text in catalogue(language).items():
        parts = PLACE.split(key)  # literal, name, literal, ...
        if len(parts) > 1:
            pattern = "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
            found.append((sum(map(len, parts[::2])), re.compile(pattern, re.DOTALL), text))
    return tuple((pattern, text) for _, pattern, text in sorted(found, key=lambda one: -one[0]))


def say(text: str, language: str) -> str:
    """`text` in that language; as it is where the catalogue has nothing for it.

    Values of the submission stay.  Before a colon stands who is meant, or what a program says: that stays, too.
    """
    known = catalogue(language)
    if not known or text in known:
        return known.get(text, text)
    for pattern, other in _templates(language):
        if match := pattern.fullmatch(text):
            return PLACE.sub(lambda place: match[place[1]], other)
    head, colon, tail = text.partition(": ")
    return f"{head}: {say(tail, language)}" if colon else text
