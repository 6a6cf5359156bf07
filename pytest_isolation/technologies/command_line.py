"""Boxes that are a command line: its words, the program that is its first, and what such a box is not asked to have."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_isolation.errors import Cause, Unavailable, Unsupported, UsageError

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec

AGENT = "{agent}"
"""The word of a command that stands for the agent's path."""
DECIDED = Cause("the command decides the contents of such a box", "give it in the command's own arguments")
SIZE = ("memory", "pids", "cpus", "hostname")
CONTENTS = ("image", "volumes", "read_only", "uid", "gid", "network", "workdir")


def words_of(spec: BoxSpec, ends_in: str, example: str) -> list[str]:
    """The words of the command that is the box's bare value.

    `ends_in`: what its last word is to be or to lead to.  Raises Unavailable without a command, UsageError for a wrong
    one.
    """
    text = spec.option("")
    if text is None:
        raise Unavailable("no command was given", f"give one that ends in {ends_in}: --box '{example}'")
    if not isinstance(text, str):
        raise UsageError(f"{spec.technology} has {len(text)} bare values; expected one, in quotes: --box '{example}'")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{spec.technology} {text!r}: {error}; correct the quotes in it") from None
    if not words:
        raise UsageError(f"{spec.technology} {text!r}: expected a command that ends in {ends_in}: --box '{example}'")
    return words


def program_of(words: list[str]) -> str:
    """The path of the program that the command begins with.  Raises Unavailable."""
    path = shutil.which(words[0])
    if path is None:
        raise Unavailable(f"{words[0]} is no program in PATH", "install it, or correct the command")
    return path


def facts(words: list[str]) -> Mapping[str, Any]:
    """The program's path stands for its version: no program is started that nobody asked for."""
    return {"version": os.path.realpath(shutil.which(words[0]) or words[0]), "command": shlex.join(words)}


def refuse_decided(spec: BoxSpec, by: str, fields: tuple[str, ...]) -> None:
    """Raises Unsupported for what a spec asks of a box and its command decides.  `by`: what the command is here."""
    plain = type(spec)(technology=spec.technology)
    for field in fields:
        if getattr(spec, field) != getattr(plain, field):
            raise Unsupported(f"{field}: the {by} decides that", cause=DECIDED)
