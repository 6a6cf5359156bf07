"""M: what the Makefile and the scripts of the host do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pytest_isolation.inception.finding import Finding, Severity, advice, fail
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.c_compose import host_commands, host_texts
from pytest_isolation.inception.script import Command


@rule(
    "M01", Severity.END,
    asks="No container is started with --link.",
    look="grep -rn -e --link Makefile srcs",
)  # fmt: skip
def no_link(s: Submission) -> Iterator[Finding]:
    commands = list(host_commands(s))
    commands += [one for image in s.images.values() for start in image.starts for one in start.script.commands]
    for command in commands:
        if command.name == "docker" and any(word == "--link" or word.startswith("--link=") for word in command.words):
            yield fail(command.at, str(command)[:100], "put the containers on a network")


PRUNED = frozenset({"system", "volume", "image", "container", "builder", "buildx"})
REMOVES = frozenset({"rm", "rmi", "kill", "stop", "remove"})
KINDS = frozenset({"container", "image", "volume"})
LISTS = frozenset({"ps", "images", "ls", "list"})
NARROWS = ("label", "name", "reference", "ancestor", "network", "volume", "id", "before", "since")
"""Filters that choose by what a thing is; status and dangling choose among everybody's."""
VALUED = frozenset({"--format", "-n", "--last", "--filter"})
SHORT_FILTER = re.compile(r"-[a-z]*f")
"""-f and -qf, which have a value behind them."""


@rule(
    "M02", Severity.ADVICE,
    asks="Cleaning removes what is this project's and nothing else.",
    look="grep -nE 'prune|rm -rf|docker rmi? .*\\$' Makefile",
)  # fmt: skip
def careful_clean(s: Submission) -> Iterator[Finding]:
    for commands in host_texts(s):
        for number, command in enumerate(commands):
            if _prunes(command) or _removes_all(commands, number):
                yield advice(command.at, f"{str(command)[:80]}: also removes what other projects made",
                             "docker compose down --rmi local --volumes")  # fmt: skip


def _prunes(command: Command) -> bool:
    words = command.real
    if command.name != "docker" or "prune" not in words or not PRUNED & set(words):
        return False
    return not any(_narrows(text) for text in _filters(words))


def _filters(words: Sequence[str]) -> Iterator[str]:
    """The values of --filter; `-f` is one of a listing, and --force of a prune."""
    listing = "prune" not in words
    for word, after in zip(words, (*words[1:], "")):  # noqa: B905
        if word == "--filter" or (listing and SHORT_FILTER.fullmatch(word)):
            yield after
        elif word.startswith("--filter="):
            yield word.partition("=")[2]


def _narrows(text: str) -> bool:
    key, equals, _ = text.partition("=")
    return bool(equals) and key in NARROWS  # label!= is everybody else's


def _docker(words: Sequence[str]) -> list[str]:
    """Words behind `docker`, without the kind: `rm -f X` of `docker container rm -f X`; empty for another program."""
    words = list(words)
    if words[:1] == ["shell"]:  # make's function
        words = words[1:]
    if not words or words[0].rpartition("/")[2] != "docker":
        return []
    return words[2:] if words[1:2] and words[1] in KINDS else words[1:]


def _removes_all(commands: Sequence[Command], number: int) -> bool:
    """Whether a command removes whatever a list without a filter names."""
    command = commands[number]
    words = list(command.real)
    piped = command.name == "xargs" and "docker" in words
    verb, *rest = _docker(words[words.index("docker") :] if piped else words) or [""]
    if verb not in REMOVES:
        return False
    if piped:
        before = number - 1
        while before >= 0 and commands[before].piped_into:
            if _chooses(commands[before]):
                return False
            before -= 1
        return before >= 0 and _lists_all(commands[before])
    nested = [word for word in rest if "$(" in word or "`" in word]
    if nested:
        inner = [one for one in commands[number + 1 : number + 4] if any(str(one) in word for word in nested)]
        return any(map(_lists_all, inner)) and not any(map(_chooses, inner))
    named = any(word.startswith("$") for word in rest)
    near = commands[max(0, number - 2) : number]
    return named and any(map(_lists_all, near)) and not any(map(_chooses, near))


def _chooses(command: Command) -> bool:
    return command.name in ("grep", "egrep", "fgrep") or (
        command.name in ("awk", "sed") and any("/" in word for word in command.words[1:])
    )


def _lists_all(command: Command) -> bool:
    """`docker ps -aq` and its like: no filter that narrows, no name."""
    verb, *rest = _docker(command.real) or [""]
    if verb not in LISTS or any(_narrows(text) for text in _filters(rest)):
        return False
    for before, word in pairwise(("", *rest)):
        valued = before in VALUED or SHORT_FILTER.fullmatch(before)
        if not (valued or word.startswith("-")):
            return False
    return True
