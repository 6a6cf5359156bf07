"""The words of the student's page, in the language that was asked for.

English is the source: a text is its own key. Other languages are catalogues, `data/messages/LANGUAGE.toml`, with a
table `[messages]` of English texts and theirs. What a program prints, and what the submission wrote, is in none.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "en"
LANGUAGES = (SOURCE, "fr")


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


def say(text: str, language: str) -> str:
    """`text` in that language; as it is where the catalogue has nothing for it."""
    return catalogue(language).get(text, text)
