"""What a shell script does, as far as it can be seen without running it: its commands, loops, values and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from pytest_isolation.inception.place import Place

MAX_HANDED = 4
"""Commands of a function that are told for each of its calls."""
MAX_CALLS_DEEP = 3
"""Functions that hand their arguments on to each other."""
HANDED_ON = re.compile(r"\$\{?[@*1-9]")

Lists = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command, and what is around it."""

    words: tuple[str, ...]
    """Quotes taken off; expansions as written."""
    at: Place
    background: bool = False
    function: str | None = None
    in_loop: bool = False
    piped_into: bool = False
    """It reads another's output."""
    conditional: bool = False
    """In a branch, or behind a test: it need not run."""
    prefix: tuple[str, ...] = ()
    """NAME=value before it."""
    case: tuple[str, ...] = ()
    """In a branch of `case`: what is looked at, then the patterns of this branch."""
    into: str = ""
    """File that its output goes to, by `>` or `>>`."""
    loops: Lists = ()
    """Of the loops around it whose lists are known: (variable, words that it goes through); the innermost last."""
    fed: str = ""
    """What a here-string (`<<< TEXT`) gives it to read."""

    @property
    def name(self) -> str:
        """The program's base name; `exec`, `sudo`, `env` and the like are looked through."""
        return self.real[0].rpartition("/")[2] if self.real else ""

    @property
    def real(self) -> tuple[str, ...]:
        """The words without `exec`, `sudo`, `env` and the like, their options and assignments."""
        words = self.words
        while words and words[0].rpartition("/")[2] in ("exec", "sudo", "nohup", "command", "env", "setsid", "time"):
            words = words[1:]
            while words and (words[0].startswith("-") or ("=" in words[0] and not words[0].startswith("/"))):
                words = words[1:]
        return words

    @property
    def is_exec(self) -> bool:
        """Whether the program takes the shell's place."""
        return bool(self.words) and self.words[0] == "exec"

    @property
    def printed(self) -> str:
        """What `echo` or `printf` prints; printf's format once for as many words as it has `%s`, and again for more."""
        words = [word for word in self.words[1:] if not re.fullmatch(r"-[neE]+|--", word)]
        if self.name != "printf" or not words or "%s" not in words[0]:
            return " ".join(words)
        pieces, rest = words[0].split("%s"), words[1:]
        found = ""
        while rest or not found:
            given, rest = rest[: len(pieces) - 1], rest[len(pieces) - 1 :]
            found += pieces[0] + "".join(f"{one}{after}" for one, after in zip_longest(given, pieces[1:], fillvalue=""))
        return found

    def __str__(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop, by its first line."""

    at: Place
    text: str
    endless: bool
    """Its condition never changes, and nothing in it leaves."""
    function: str | None = None
    conditional: bool = False
    """In a branch, or behind a test."""


@dataclass(slots=True)
class Script:
    """What a shell text does, as far as it can be seen without running it."""

    commands: list[Command] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    assignments: dict[str, tuple[str, Place]] = field(default_factory=dict)
    assigned: list[tuple[str, str, Place]] = field(default_factory=list)
    """(name, value, place): every one, also of a name that is given another value later."""
    heredocs: list[tuple[str, str, Place]] = field(default_factory=list)
    """(path written to or "", body, place)"""
    reads: list[tuple[str, bool, Place]] = field(default_factory=list)
    """(name, whether it stands alone, place) of every variable that it reads: `${NAME:-other}` has another value."""
    arrays: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Variable -> the words of `NAME=(...)` and of every `NAME+=(...)`, as written."""
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Variable of a loop -> the words that the last such goes through, as written; `items` looks around first."""
    broken: Place | None = None
    """Where the first piece is that is no shell."""
    cut: Place | None = None
    """Where reading it ended before its end: what comes after is not known."""

    def items(self, name: str, around: Lists = ()) -> tuple[str, ...]:
        """What a loop's variable goes through: in the innermost loop around, else in the last of the script."""
        return next((words for variable, words in reversed(around) if variable == name), self.lists.get(name, ()))

    def runtime(self) -> list[Command]:
        """Commands that run: those in functions nobody calls are left out."""
        called = {command.words[0] for command in self.commands if command.words}
        return [one for one in self.commands if one.function is None or one.function in called]

    def certain(self) -> set[str | None]:
        """Functions that every run calls, and None for what stands in none: no branch, no test before the call."""
        sure: set[str | None] = {None}
        calls: dict[str | None, set[str]] = {}
        for one in self.commands:
            if one.words and not one.conditional:
                calls.setdefault(one.function, set()).add(one.words[0])
        pending: list[str | None] = [None]
        while pending:
            for name in calls.get(pending.pop(), set()) - sure:
                sure.add(name)
                pending.append(name)
        return sure

    def calls(self) -> list[Command]:
        """Commands that run, and those of functions that hand their arguments on, as each call makes them."""
        inside: dict[str, list[Command]] = {}
        for one in self.commands:
            if one.function is not None and any(HANDED_ON.search(word) for word in one.words):
                inside.setdefault(one.function, []).append(one)
        found = []
        called = {one.words[0] for one in self.commands if one.words} & set(inside)
        for one in self.runtime():
            if one.function not in called or one not in inside[one.function]:
                found.append(one)
                found += _handed_on(one, inside, MAX_CALLS_DEEP)
        return found


def _handed_on(one: Command, inside: dict[str, list[Command]], left: int) -> Iterator[Command]:
    """What a call runs in the function that it names, and in those that this one hands its arguments on to."""
    for inner in inside.get(one.words[0], ())[:MAX_HANDED] if one.words and left else ():
        words = handed(inner.words, one.words[1:])
        made = replace(one, words=words, prefix=inner.prefix, loops=(*one.loops, *inner.loops))
        yield made
        yield from _handed_on(made, inside, left - 1)


def handed(words: tuple[str, ...], arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a command in a function or a script, with the call's arguments in them."""

    def given(match: re.Match[str]) -> str:
        number = int(match[1] or match[2])
        return arguments[number - 1] if number <= len(arguments) else ""

    made: list[str] = []
    for word in words:
        if re.fullmatch(r"\$\{?[@*]\}?", word):
            made += arguments
        else:
            made.append(re.sub(r"\$(?:([1-9])|\{([1-9])\})", given, word))
    return tuple(made)
