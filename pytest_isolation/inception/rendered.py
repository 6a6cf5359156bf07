"""Configuration as the container has it: what a script puts into a template, with the values that the submission gives.

envsubst replaces variables, `sed` a text, and a shell the variables of a here-document.  What no file gives a value
stays as it was written.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pytest_isolation.inception.compose import env_of
from pytest_isolation.inception.variables import REFERENCE, interpolate, unresolved

if TYPE_CHECKING:
    from pytest_isolation.inception.dockerfile import Stage
    from pytest_isolation.inception.model import Image, Submission

SPECIAL = re.compile(r"[*\[\]^$+?(){}|]")
"""In a pattern of sed: it is more than a text."""
DEFAULT = re.compile(r"\$\{(\w+):?=([^{}]*)\}")
"""`: "${NAME:=value}"`"""


def known(s: Submission, image: Image) -> dict[str, str]:
    """What a container knows: ENV, env files that are here, its environment, and then its scripts' own variables.

    One that a command makes the value of is not known, whatever it was before.
    """
    found = given(s, image)
    for start in image.starts:
        for command in start.script.commands:
            if command.name == ":":
                for word in command.words[1:]:
                    if match := DEFAULT.fullmatch(word):
                        found.setdefault(match[1], interpolate(match[2], found))
        for name, value, _ in start.script.assigned:
            if "$(" in value or "`" in value:
                found.pop(name, None)
            elif not (unresolved(made := interpolate(value, found))):
                found[name] = made
    return found


def given(s: Submission, image: Image) -> dict[str, str]:
    """What it is started with."""
    found: dict[str, str] = {}
    variables = s.compose.variables if s.compose is not None else {}
    for stage in image.stages:
        for one in stage.every("ENV"):
            found |= {name: interpolate(value, found) for name, value in one.pairs}
    for written in image.service.env_files:
        if path := s.tree.find(posixpath.join(image.service.base, written)):
            found |= {name: str(value) for name, value in env_of(s.tree, path, s.tree.lenient(path)).items()}
    for name, value in image.service.environment.items():
        if (text := variables.get(name) if value is None else value) is not None:
            found[name] = str(text)
    return found


def known_by(s: Submission, role: str) -> dict[str, str]:
    """The same of all containers of a role."""
    return {name: value for image in s.role(role) for name, value in known(s, image).items()}


def arguments(image: Image, stages: Sequence[Stage] | None = None) -> dict[str, str]:
    """What the build knows and the container does not: ARG, as the Dockerfile or `build.args` gives it."""
    given = image.service.build.args if image.service.build is not None else {}
    found: dict[str, str] = {}
    for stage in image.stages if stages is None else stages:
        for one in stage.every("ARG"):
            for name, _, value in (word.partition("=") for word in one.words):
                found[name] = str(given.get(name) or interpolate(value, found))
    return {name: value for name, value in found.items() if value}


def expanded(text: str, values: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}` replaced where the name has a value; NGINX's own variables stay."""

    def value(match: re.Match[str]) -> str:
        name = match["bare"] or match["name"]
        return match[0] if match["escaped"] or match["rest"] or name not in values else values[name].replace("\n", " ")

    return REFERENCE.sub(value, text)


def in_plain_text(words: Sequence[str]) -> list[tuple[str, str]]:
    """(text, text) of sed's `s` whose pattern is a plain text."""
    found = []
    for word in words[1:]:
        for piece in re.split(r";\s*(?=s\W)|\n", word):
            match = re.fullmatch(
                r"\s*s(?P<mark>[^\w\s\\])(?P<old>.+?)(?<!\\)(?P=mark)(?P<new>.*?)(?<!\\)(?P=mark)[gI]*;?\s*", piece
            )
            if match is None:
                continue
            old = re.sub(r"\\([./|#@${}\[\]*-])", r"\1", match["old"])
            plain = not SPECIAL.search(re.sub(r"\\[$*\[\]]|\{\{|\}\}|\$\{\w+\}|\$\w+", "", match["old"]))
            if plain and "\\" not in old:
                found.append((old, re.sub(r"\\([./|#@&])", r"\1", match["new"])))
    return found
