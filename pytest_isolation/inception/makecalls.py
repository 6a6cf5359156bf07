"""The makes that a line of a recipe runs: in which directory, of which file, for which goals."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from pytest_isolation.inception import shell
from pytest_isolation.inception.place import Text
from pytest_isolation.inception.script import Command

MENTIONS = re.compile(r"make\b|\bMAKE\b")
MAKES = frozenset({"make", "gmake", "$(MAKE)", "${MAKE}"})
HERE = re.compile(r"(?:\$[({](?:CURDIR|PWD|shell\s+pwd)[)}]|\$PWD|\$\(pwd\)|`pwd`)(?:/+|$)")
"""The directory that make runs in."""
DEFAULT = re.compile(r"\$[({]MAKECMDGOALS[)}]|\$[({]MAKEFLAGS[)}]|\$[({]MFLAGS[)}]")
"""Empty where `make` alone was said."""
VALUED = "CfIoWE"
LONG = {"--directory": "C", "--file": "f", "--makefile": "f"}
LONG_VALUED = frozenset({*LONG, "--include-dir", "--old-file", "--assume-old", "--what-if", "--new-file", "--eval"})
MAX_VARIANTS = 50
"""Of one command in loops."""


@dataclass(frozen=True, slots=True)
class Call:
    """One make."""

    directories: tuple[str, ...]
    """The first that has a Makefile is meant; "" is the directory of the make that runs the line."""
    file: str
    """Of -f, or ""."""
    goals: tuple[str, ...]
    """Empty: the default goal."""

    @property
    def is_known(self) -> bool:
        """Whether no word depends on the run."""
        return not any(re.search(r"[$`]", word) for word in (*self.directories, self.file, *self.goals))


def calls(line: Text) -> tuple[list[Call], bool]:
    """Every make that the line runs, and whether the whole line could be read."""
    if not MENTIONS.search(line):
        return [], True
    script = shell.parse(str(line), line.at.file, line.at.line or 1)
    found: list[Call] = []
    near: tuple[str, ...] = ("",)
    for command in script.commands:
        words = command.real
        if words[:1] == ("cd",) and len(words) > 1:
            to = _below(words[1])
            near = tuple(dict.fromkeys((posixpath.join(near[0], to), to)))  # the `cd` before may be of a subshell
        elif command.name in MAKES:
            found += [_call(one[: len(near)], one[len(near) :]) for one in _variants(command, (*near, *words[1:]))]
    return found, script.cut is None


def _variants(command: Command, words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The words once for every item of the loops whose variables are in them."""
    made = [words]
    for name, listed in command.loops:
        variable = re.compile(rf"\$(?:{re.escape(name)}\b|\{{{re.escape(name)}\}})")
        if any(map(variable.search, words)):
            items = [item for one in listed for item in one.split()]
            made = [
                tuple(variable.sub(lambda _, item=item: item, word) for word in one)  # type: ignore[misc]
                for one in made for item in items
            ][:MAX_VARIANTS]  # fmt: skip
    return made


def _below(word: str) -> str:
    """A directory, from the one that make runs in."""
    return HERE.sub("", word, count=1) if HERE.match(word) else word


def _call(near: tuple[str, ...], words: tuple[str, ...]) -> Call:
    directories, file, goals = [_below(one) for one in near], "", []
    pending = list(reversed(words))
    while pending:
        word = pending.pop()
        option, value = "", ""
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            option = LONG.get(name, "")
            if name in LONG_VALUED and not equals and pending:
                value = pending.pop()
        elif word.startswith("-") and len(word) > 1:
            bundle = re.fullmatch(rf"-([^{VALUED}]*)([{VALUED}]?)(.*)", word, re.DOTALL)
            assert bundle is not None
            option, value = bundle[2], bundle[3]
            if option and not value and pending:
                value = pending.pop()
            elif not option and word.endswith(("j", "l")) and pending and re.fullmatch(r"[\d.]+", pending[-1]):
                pending.pop()
        elif "=" not in word and not DEFAULT.fullmatch(word):
            goals.append(word)
        if option == "C":
            directories = [posixpath.join(one, _below(value)) for one in directories]
        elif option == "f":
            file = _below(value)
    return Call(tuple(directories), file, tuple(goals))
