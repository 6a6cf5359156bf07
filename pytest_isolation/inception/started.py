"""What make does before the stack is there: the env files it copies, the compose files it starts."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_isolation.inception import shell
from pytest_isolation.inception.script import Command, Script, handed
from pytest_isolation.inception.tree import normal
from pytest_isolation.inception.variables import interpolate

MAX_SCRIPTS_DEEP = 4
"""Scripts that a script calls."""
MAX_GOALS = 200
"""Targets that are looked at for the one that starts the stack."""

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.inception.model import Submission
    from pytest_isolation.inception.place import Text


def copy_as_make_does(made: Submission) -> None:
    """Env files that the default goal, or a script it calls, copies from files of the submission, or writes."""
    written: dict[str, str] = {}
    if made.makefile is None or made.makefile.default is None:
        return
    for line in made.makefile.lines(made.makefile.default):
        base = made.root
        commands = shell.parse(str(line), line.at.file, line.at.line or 1).commands
        before: Command | None = None
        for command in commands:
            words = list(command.real)
            if words[:1] == ["cd"] and len(words) > 1:
                base = posixpath.join(base, words[1])
            _copy(made, command, base)
            _echo(written, before, command, base, {})
            before = command
            for at, word in enumerate(words[:3]):
                called = made.tree.find(posixpath.join(base, word)) if "/" in word or word.endswith(".sh") else None
                if called is not None and is_script(called):
                    _by_script(made, written, called, tuple(words[at + 1 :]), base)
                    break
    for path, text in written.items():
        made.tree.write(path, text)


def _by_script(made: Submission, written: dict[str, str], path: str, given: tuple[str, ...], base: str) -> None:
    """What a script that make calls with the words `given` copies and writes, in the directory where it is then."""
    script = shell.parse(made.tree.lenient(path), path)
    values: dict[str, str] = {}
    for name, value, _ in script.assigned:
        values[name] = interpolate("".join(handed((value,), given)), values)
    moved = [(0, base)]
    before: Command | None = None
    for command in script.commands:
        if command.words[:1] == ("cd",) and len(command.words) > 1 and command.function is None:
            moved.append((command.at.line, inside(command.words[1], moved[-1][1], posixpath.dirname(path))))
        _copy(made, command, moved[-1][1])
        _echo(written, before, command, moved[-1][1], values)
        before = command
    for target, body, at in script.heredocs:
        here = [place for line, place in moved if line <= at.line][-1]
        _add(written, interpolate(target, values), interpolate("".join(handed((body,), given)), values), here)


def inside(word: str, base: str, own: str) -> str:
    """The directory after `cd WORD` in `base`; `cd "$(dirname "$0")"` goes to `own`, the directory of the script."""
    beside = BESIDE.match(word)
    rest = word[beside.end() :].lstrip("/") if beside else word
    return posixpath.normpath(posixpath.join(own if beside else base, rest or "."))


BESIDE = re.compile(r"\$\((?:[^()]|\([^()]*\)|\$\{[^}]*\})*\)|\$\{0%/\*\}")
"""`$(dirname "$0")` and its like."""


def _add(written: dict[str, str], target: str, text: str, base: str) -> None:
    path = normal(posixpath.join(base, target)) if target and "$" not in target else None
    if path is not None and posixpath.basename(path).endswith(".env"):
        written[path] = f"{written.get(path, '')}{text.rstrip()}\n"


def _echo(written: dict[str, str], before: Command | None, command: Command, base: str, values: dict[str, str]) -> None:
    """A line that `echo` or `printf` writes, by `>` or through `tee`."""
    by_tee = command.name == "tee" and command.piped_into and before is not None
    said, targets = (before, command.real[1:]) if by_tee else (command, (command.into,))
    if said is None or said.name not in ("echo", "printf"):
        return
    for target in targets:
        if not target.startswith("-"):
            text = interpolate(said.printed.replace("\\n", "\n"), values)
            _add(written, interpolate(target, values), text, base)


def _copy(made: Submission, command: Command, base: str) -> None:
    places = [word for word in command.real[1:] if not word.startswith("-")]
    if command.name not in ("cp", "install", "ln") or len(places) != 2 or "$" in "".join(places):
        return
    source, target = (normal(posixpath.join(base, one)) for one in places)
    if source is None or target is None or source not in made.tree:
        return
    if target in made.tree.directories:
        target = posixpath.join(target, posixpath.basename(source))
    if posixpath.basename(target).endswith(".env") and target not in made.tree:
        made.tree.copy(source, target)


@dataclass(slots=True)
class Used:
    """How make calls compose; paths are relative to the submission."""

    files: list[str] = field(default_factory=list)
    env_file: str | None = None
    project: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    """What compose finds in its environment: it goes before the .env."""


def used_by_make(made: Submission) -> Used:
    """The first `up` that make reaches, also by a script.

    By the default goal; where that starts nothing, by the first target that does.
    """
    if made.makefile is None or made.makefile.default is None:
        return Used()
    goals = [made.makefile.default, *made.makefile.targets][:MAX_GOALS]
    for goal in goals:
        for words, base, environment in _calls(made, made.makefile.lines(goal)):
            used = _used(made, words, base)
            used.environment = made.makefile.environment() | environment
            return used
    return Used(environment=made.makefile.environment())


def _calls(made: Submission, lines: list[Text]) -> Iterator[tuple[list[str], str, dict[str, str]]]:
    """(words after `docker compose`, directory, environment of its own) of every call with `up` or `start` in it."""
    for line in lines:
        yield from _of_script(made, shell.parse(str(line), line.at.file, line.at.line or 1), line, ".", "", 0)


def _of_script(
    made: Submission, script: Script, text: str, base: str, own: str, depth: int
) -> Iterator[tuple[list[str], str, dict[str, str]]]:
    """`text`: as it is written; `own`: the directory of the script's file."""
    given = {name: value for name, (value, _) in script.assignments.items() if not re.search(r"\$[^{]|`", value)}
    for command in script.commands:
        words = list(command.real)
        if words[:1] == ["cd"] and len(words) > 1:
            base = inside(words[1], base, own)
        if (rest := after_compose(words)) is not None and {"up", "start"} & set(rest):
            exported = {name: value for name, value in given.items() if _is_exported(name, text)}
            before = dict(one.partition("=")[::2] for one in command.prefix)
            yield [interpolate(word, given) for word in rest], base, exported | before
        for word in words[:3] if depth < MAX_SCRIPTS_DEEP else ():
            path = made.tree.find(made.path(base, word)) if "/" in word or word.endswith(".sh") else None
            if path is not None and path != command.at.file and is_script(path):
                text, there = made.tree.lenient(path), posixpath.dirname(path)
                below = posixpath.relpath(there or ".", made.root or ".")
                yield from _of_script(made, shell.parse(text, path), text, base, below, depth + 1)


def _is_exported(name: str, text: str) -> bool:
    return re.search(rf"\bexport\b[^\n;&|]*\b{re.escape(name)}\b|\bset -\w*a|\ballexport\b", text) is not None


def is_script(path: str) -> bool:
    """Whether a file that a recipe names may be a script of a shell, by its name."""
    return path.endswith((".sh", ".bash")) or "." not in posixpath.basename(path)


def _used(made: Submission, words: list[str], base: str) -> Used:
    files, env, at = [], None, 0
    project = None
    while at < len(words) - 1:
        if words[at] in ("-f", "--file"):
            files.append(words[at + 1])
        elif words[at] == "--env-file":
            env = words[at + 1]
        elif words[at] == "--project-directory":
            project = words[at + 1]
        at += 1
    files += [word.partition("=")[2] for word in words if word.startswith("--file=")]
    env = next((word.partition("=")[2] for word in words if word.startswith("--env-file=")), env)
    here = made.path(base)
    found = [path for one in files if (path := normal(posixpath.join(here, one))) is not None]
    env_path = normal(posixpath.join(here, env)) if env else None
    project = next((word.partition("=")[2] for word in words if word.startswith("--project-directory=")), project)
    return Used(found, env_path, normal(posixpath.join(here, project)) if project else None)


def of_other_targets(made: Submission) -> list[str]:
    """Compose files that a target of the Makefile starts, and that the default goal does not."""
    calls = compose_calls(made.makefile.lines()) if made.makefile is not None else []
    used = made.compose.files if made.compose is not None else []
    named = [
        made.tree.find(made.path(base, file))
        for words, base in calls
        for before, word in pairwise(("", *words))
        for file in ([word] if before in ("-f", "--file") else [word[7:]] if word.startswith("--file=") else [])
    ]
    return [path for path in dict.fromkeys(named) if path is not None and path not in used]


def compose_calls(lines: list[Text]) -> list[tuple[list[str], str]]:
    """(words after `docker compose`, directory it runs in) of every call with `up`, `start` or `run` in it."""
    found = []
    for line in lines:
        base = "."
        for command in shell.parse(str(line), line.at.file, line.at.line or 1).commands:
            words = list(command.real)
            if words[:1] == ["cd"] and len(words) > 1:
                base = posixpath.join(base, words[1])
            if (rest := after_compose(words)) is not None and {"up", "start"} & set(rest):
                found.append((rest, base))
    return found


def after_compose(words: list[str]) -> list[str] | None:
    """What follows `docker compose` or `docker-compose`; None when it is neither."""
    if not words:
        return None
    name = words[0].rpartition("/")[2]
    if name == "docker-compose":
        return words[1:]
    if name == "docker" and "compose" in words:
        return words[words.index("compose") + 1 :]
    return None
