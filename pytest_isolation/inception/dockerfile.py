"""Dockerfiles: instructions with lines, stages, build arguments, here-documents.

Of the kept parsers one has no here-documents and the other no wheel for aarch64: hence this one.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field

from pytest_isolation.inception.place import Place, Text, Unreadable, Verbatim
from pytest_isolation.inception.variables import interpolate

MAX_INSTRUCTIONS = 2_000
FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S+))?(?:\s|\\\n)*")
HEREDOC = re.compile(r"(?<![<\w])<<(-?)([\"']?)([A-Za-z_]\w*)\2")
KNOWN = frozenset({
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile, with the here-documents behind it."""

    name: str
    """Upper case."""
    flags: dict[str, str]
    text: str
    """Without the flags; continuation lines joined."""
    exec_form: tuple[str, ...] | None
    """The JSON list, when that is what it is."""
    bodies: tuple[Text, ...]
    """Of its here-documents; Verbatim where the word is quoted: the builder puts no variable into it."""
    at: Place

    @property
    def words(self) -> tuple[str, ...]:
        """The exec form, or the text split as a shell would."""
        return self.exec_form if self.exec_form is not None else tuple(split(self.text))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(name, value) of ENV and ARG; `ENV NAME VALUE` is one; an ARG without a value has none."""
        words = self.words
        if self.name == "ENV" and words and "=" not in words[0] and len(words) > 1:
            return [(words[0], " ".join(words[1:]))]
        return [(name, value) for name, equals, value in (word.partition("=") for word in words) if equals]

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


@dataclass(slots=True)
class Stage:
    """What a FROM begins: the base, and the instructions up to the next FROM."""

    base: Text
    """As written, build arguments put in."""
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)

    def last(self, name: str) -> Instruction | None:
        """The last instruction of that name, which is the one that counts for CMD, ENTRYPOINT and USER."""
        return next((one for one in reversed(self.instructions) if one.name == name), None)

    def every(self, *names: str) -> list[Instruction]:
        """All instructions of these names, in order."""
        return [one for one in self.instructions if one.name in names]


@dataclass(slots=True)
class Dockerfile:
    """A Dockerfile, parsed; `ARG` before the first FROM is in no stage."""

    file: str
    instructions: list[Instruction]
    stages: list[Stage]
    arguments: dict[str, Text]
    """ARG before the first FROM."""

    def stage(self, target: str | None = None) -> Stage | None:
        """The stage that becomes the image."""
        if target is None:
            return self.stages[-1] if self.stages else None
        named = [one for one in self.stages if (one.name or "").lower() == target.lower()]
        return named[0] if named else None

    def lineage(self, stage: Stage) -> list[Stage]:
        """The stage after those it is built FROM: what is installed and set there is in the image too."""
        found = [stage]
        before = self.stages[: self.stages.index(stage)]
        while parent := next((one for one in before if one.name and one.name.lower() == found[0].base.lower()), None):
            found.insert(0, parent)
            before = before[: before.index(parent)]
        return found


def split(text: str) -> list[str]:
    """Words as a shell splits them; at white space alone where a quote does not end."""
    try:
        return shlex.split(text, posix=True)
    except ValueError:
        return text.split()


def run_texts(stage: Stage) -> list[Text]:
    """The shell of every RUN: its text, or its here-documents."""
    found = []
    for one in stage.every("RUN"):
        if one.exec_form is not None:
            found.append(Text(" ".join(one.exec_form), one.at))
        elif one.bodies:
            found += one.bodies
            found.append(Text(one.text, one.at)) if not one.text.startswith("<<") else None
        else:
            found.append(Text(one.text, one.at))
    return found


def parse(text: str, file: str, arguments: dict[str, str] | None = None) -> Dockerfile:
    """`arguments` are the build arguments compose gives.  Raises Unreadable for what is no Dockerfile."""
    instructions = _instructions(text, file)
    given = arguments or {}
    before: dict[str, Text] = {}
    stages: list[Stage] = []
    for one in instructions:
        if one.name == "FROM":
            words = one.text.split()
            if not words:
                raise Unreadable("FROM names no image", one.at)
            base = Text(interpolate(words[0], before), one.at)
            named = words[2] if len(words) >= 3 and words[1].lower() == "as" else None
            stages.append(Stage(base, named))
        elif stages:
            stages[-1].instructions.append(one)
        elif one.name == "ARG":
            for word in split(one.text):
                name, equals, value = word.partition("=")
                if name in given:
                    before[name] = Text(given[name], one.at)
                elif equals:
                    before[name] = Text(interpolate(value, before), one.at)
    if not stages:
        raise Unreadable("it has no FROM", Place(file))
    return Dockerfile(file, instructions, stages, before)


def _instructions(text: str, file: str) -> list[Instruction]:
    lines = text.split("\n")
    escape = _escape(lines)
    found: list[Instruction] = []
    number = 0
    while number < len(lines):
        start = number
        stripped = lines[number].strip()
        number += 1
        if not stripped or stripped.startswith("#"):
            continue
        pieces: list[str] = []
        line = lines[start]
        while True:
            rest = line.rstrip()
            if not rest.endswith(escape):
                pieces.append(line)
                break
            pieces.append(rest[:-1])
            # Comments and empty lines inside a continued instruction are left out, as the builder does.
            while number < len(lines) and (not lines[number].strip() or lines[number].lstrip().startswith("#")):
                pieces.append("")
                number += 1
            if number >= len(lines):
                break
            line = lines[number]
            number += 1
        logical = "\\\n".join(pieces).strip()
        bodies, number = _bodies(logical, lines, number, file)
        found.append(_instruction(logical, bodies, Place(file, start + 1)))
        if len(found) > MAX_INSTRUCTIONS:
            raise Unreadable(f"more than {MAX_INSTRUCTIONS} instructions", Place(file, start + 1))
    return found


def _escape(lines: list[str]) -> str:
    """The `# escape=` directive counts only at the very top."""
    for line in lines:
        match = re.match(r"\s*#\s*(\w+)\s*=\s*(\S+)\s*$", line)
        if match is None:
            return "\\"
        if match[1].lower() == "escape" and match[2] in ("\\", "`"):
            return match[2]
    return "\\"


def _bodies(logical: str, lines: list[str], number: int, file: str) -> tuple[tuple[Text, ...], int]:
    name = logical.split(None, 1)[0].upper() if logical else ""
    if name not in ("RUN", "COPY", "ADD"):
        return (), number
    bodies: list[Text] = []
    for dash, quote, word in HEREDOC.findall(logical):
        start, body = number, []
        while number < len(lines):
            line = lines[number].lstrip("\t") if dash else lines[number]
            number += 1
            if line.rstrip("\r") == word:
                break
            body.append(line)
        kind = Verbatim if quote else Text
        bodies.append(kind("\n".join(body) + "\n", Place(file, start + 1)))
    return tuple(bodies), number


def _instruction(logical: str, bodies: tuple[Text, ...], at: Place) -> Instruction:
    match = re.match(r"(\S+)\s*(.*)$", logical, re.DOTALL)
    assert match is not None
    name, rest = match[1].upper(), match[2]
    if name != "RUN":  # a shell reads continued lines itself, and keeps count of them
        rest = rest.replace("\\\n", " ").strip()
    if name not in KNOWN:
        raise Unreadable(f"{match[1][:40]!r} is no instruction", at)
    flags: dict[str, str] = {}
    start = 0
    while flag := FLAG.match(rest, start):
        flags[flag[1]] = flag[2] or ""
        start = flag.end()
    rest = rest[start:]
    return Instruction(name, flags, rest, _json_list(rest), bodies, at)


def _json_list(text: str) -> tuple[str, ...] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text.replace("\\\n", " "))
    except (ValueError, RecursionError):
        return None
    return tuple(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else None


def meant(text: str) -> tuple[str, ...]:
    """The words of a list with a comment behind it, or in single quotes: a shell runs it, and its author means them."""
    match = re.match(r"\s*(\[[^\[\]]*\])", text)
    if match is None:
        return ()
    return _json_list(match[1]) or _json_list(match[1].replace("'", '"')) or ()
