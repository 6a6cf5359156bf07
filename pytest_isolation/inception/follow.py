"""From ENTRYPOINT and CMD to the scripts they start, and on to the scripts that those start or source.

What a script sources runs in the same shell: it becomes a part of that script, at its place, functions included.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_isolation.inception import dockerfile as docker
from pytest_isolation.inception import shell
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.script import Command, Lists, Script
from pytest_isolation.inception.variables import interpolate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_isolation.inception.dockerfile import Instruction
    from pytest_isolation.inception.model import Image, Submission

SHELLS = frozenset({"sh", "bash", "ash", "dash"})
SOURCES = (".", "source")
MAX_STARTS = 50
"""Scripts of one container."""
MAX_SOURCED = 20
"""Files that one script sources, those that they source included."""
BESIDE = re.compile(r"^(?:\$\((?:[^()]|\([^()]*\))*\)|`[^`]*`|\$\{?\w+(?:[%#][^}]*)?\}?)/+(?=[\w.*-])")
"""`$(dirname "$0")/`, `${0%/*}/`, `$HERE/`: a directory that only the run knows."""

ASKS = re.compile(r"(?:\[|\btest\b|\bcase\b)[^\n]*(?:\$\{?0\b|\bBASH_SOURCE\b)|\(\s*return\b", re.MULTILINE)
"""A script that asks whether it is executed or sourced: `[ "${0##*/}" = lib.sh ] && main`."""
IN_PATH = re.compile(r"/s?bin/")


@dataclass(slots=True)
class Start:
    """One shell text that runs when a container starts, with what it sources."""

    at: Place
    script: Script
    path: str | None
    """Of the script's file; None for `sh -c` and shell forms."""
    sourced: tuple[str, ...] = ()
    """Files of the submission that it sources."""

    @property
    def files(self) -> tuple[str, ...]:
        """Its own file, if it has one, and those that it sources."""
        return self.sourced if self.path is None else (self.path, *self.sourced)


def starts(made: Submission, image: Image) -> None:
    """Fills `entrypoint`, `command`, `started_at`, `broken_json` and `starts` of an image."""
    entry, command = _last(image, "ENTRYPOINT"), _last(image, "CMD")
    order = [one for stage in image.stages for one in stage.instructions]
    if entry and command and order.index(command) < order.index(entry) and not _together(image, entry, command):
        command = None  # an ENTRYPOINT drops the CMD of the image it is built from
    service = image.service
    image.started_at = service.command_at or (entry.at if entry else command.at if command else service.at)
    for one, replaced in ((entry, service.entrypoint), (command, service.command or service.entrypoint)):
        if one is not None and replaced is None and one.exec_form is None and one.text.lstrip().startswith("["):
            image.broken_json = one
    image.entrypoint = _argv(entry) if service.entrypoint is None else service.entrypoint
    given = service.command if service.command is not None or service.entrypoint is None else []
    image.command = _argv(command) if given is None else given
    _follow(made, image)


def _together(image: Image, one: Instruction, other: Instruction) -> bool:
    return any(one in stage.instructions and other in stage.instructions for stage in image.stages)


def _last(image: Image, name: str) -> Instruction | None:
    return next((found for stage in reversed(image.stages) if (found := stage.last(name))), None)


def _argv(one: Instruction | None) -> list[str]:
    if one is None:
        return []
    return list(one.exec_form) if one.exec_form is not None else ["/bin/sh", "-c", one.text]


def _follow(made: Submission, image: Image) -> None:
    """Every script that runs when the container starts, each once."""
    seen: set[str] = set()
    argv = image.argv

    def add(at: Place, script: Script, path: str | None) -> None:
        script, sourced = _with_sourced(made, image, script, path)
        seen.update(sourced)
        image.starts.append(Start(at, script, path, sourced))

    if len(argv) >= 3 and argv[0].rpartition("/")[2] in SHELLS and re.fullmatch(r"-[a-z]*c", argv[1]):
        at = image.started_at
        add(at, shell.parse(argv[2], at.file, at.line), None)
    meant = docker.meant(image.broken_json.text) if image.broken_json is not None else ()
    words: list[tuple[str, Script | None, Lists]] = [(word, None, ()) for word in (*argv, *meant)]
    number = 0
    while words or number < min(len(image.starts), MAX_STARTS):
        for word, script, around in words:
            for path in files_of(image, word, script, around):
                if path not in seen and (text := _shell_text(made, path)) is not None:
                    seen.add(path)
                    add(Place(path, 1), shell.parse(text, path), path)
        words = []
        if number < len(image.starts):
            script = image.starts[number].script
            words = [
                (word, script, one.loops)
                for one in script.runtime() if one.name not in SOURCES for word in run_words(one)
            ]  # fmt: skip
            number += 1


def run_words(command: Command) -> tuple[str, ...]:
    """The words of a command that may name a script which it runs; chmod's arguments are not run."""
    if command.name == "run-parts":
        return tuple(f"{word.rstrip('/')}/*" for word in command.real[1:] if not word.startswith("-"))
    return command.real[: 4 if command.name in SHELLS or command.name in SOURCES else 1]


def files_of(image: Image, word: str, script: Script | None = None, around: Lists = ()) -> list[str]:
    """Files of the submission that a word of a command may name in the container.

    The script's own variables are put in, and the lists of its loops: of those `around` the command first.  Of a path
    that begins with what only the run knows, `"$(dirname "$0")/lib.sh"`, the rest decides.
    """
    if not word:
        return []
    if script is None or "$" not in word:
        return list(_found(image, word))
    own = {name: value for name, (value, _) in script.assignments.items()}
    match = re.fullmatch(r"\$\{?(\w+)\}?", word)
    listed = script.items(match[1], around) if match is not None else ()
    if not listed:
        return list(_found(image, interpolate(word, own)))
    items = [piece for one in listed for piece in _pieces(one)]
    return [path for one in items for path in _found(image, interpolate(one, own), below=True)]


def _pieces(item: str) -> list[str]:
    """A word of a list; of `$(find /d -name '*.sh')` the directories that it looks in."""
    if not item.startswith(("$(", "`")):
        return [item]
    return [word for word in item.strip("$()`").split() if word.startswith(("/", "./"))]


def _found(image: Image, word: str, *, below: bool = False) -> Iterator[str]:
    """`below`: a directory stands for all that is in it."""
    here = image.service.text("working_dir") or image.workdir
    if beside := BESIDE.match(word):
        rest = word[beside.end() :]
        yield from (file for at, file in image.copies.items() if fnmatchcase(at, f"*/{posixpath.normpath(rest)}"))
        return
    if any(char in word for char in "$`"):
        return
    path = posixpath.normpath(posixpath.join(here, word))
    if any(char in word for char in "*?["):
        yield from (
            file for at, file in image.copies.items() if fnmatchcase(at, path) and at.count("/") == path.count("/")
        )
    elif path in image.copies:
        yield image.copies[path]
    elif below:
        yield from (file for at, file in sorted(image.copies.items()) if at.startswith(f"{path.rstrip('/')}/"))
    elif "/" not in word:
        named = (file for at, file in image.copies.items() if posixpath.basename(at) == word and IN_PATH.search(at))
        yield from list(named)[:1]


def _with_sourced(made: Submission, image: Image, script: Script, path: str | None) -> tuple[Script, tuple[str, ...]]:
    """A script with what it sources in its places, and the files of that."""
    sourced: list[str] = []

    def whole(one: Script) -> Script:
        parts: list[tuple[Command, Script]] = []
        for command in one.commands:
            for word in command.real[1:2] if command.name in SOURCES else ():
                for file in files_of(image, word, one, command.loops):
                    if file in (path, *sourced) or len(sourced) >= MAX_SOURCED:
                        continue
                    if (text := _shell_text(made, file, sourced=True)) is not None:
                        sourced.append(file)
                        part = whole(shell.parse(text, file))
                        parts.append((command, _as_sourced(part) if ASKS.search(text) else part))
        return _put_in(one, parts) if parts else one

    return whole(script), tuple(sourced)


def _as_sourced(part: Script) -> Script:
    """Without what runs only when the file is executed: what stands behind a test, and in no function."""
    return replace(
        part,
        commands=[one for one in part.commands if one.function is not None or not one.conditional],
        loops=[one for one in part.loops if one.function is not None or not one.conditional],
    )


def _reached(commands: list[Command]) -> set[str | None]:
    """None, and the functions that a command which runs may call: by their names, or as words of another."""
    named: dict[str | None, set[str]] = {}
    for one in commands:
        named.setdefault(one.function, set()).update(one.words)
    reached: set[str | None] = {None}
    pending: list[str | None] = [None]
    while pending:
        for name in named.get(pending.pop(), set()) & named.keys() - reached:
            reached.add(name)
            pending.append(name)
    return reached


def _put_in(script: Script, parts: list[tuple[Command, Script]]) -> Script:
    """What a script's `.` reads, behind that command; where that is in a function or a branch, so is this."""
    commands: list[Command] = []
    for one in script.commands:
        commands.append(one)
        for at, part in parts:
            if at is one:
                commands += [
                    replace(
                        inner,
                        function=inner.function or one.function,
                        conditional=inner.conditional or (one.conditional and inner.function is None),
                        background=inner.background or one.background,
                        loops=(*one.loops, *inner.loops),
                    )
                    for inner in part.commands
                ]
    every = [part for _, part in parts]
    reached = _reached(commands)
    looping = [
        replace(loop, function=loop.function or at.function, conditional=loop.conditional or at.conditional)
        for at, part in parts for loop in part.loops
    ]  # fmt: skip
    whole = Script(
        commands=commands,
        # Of a library, the loops of those functions that are used.
        loops=[*(loop for loop in looping if loop.function in reached), *script.loops],
        assignments={name: value for one in (*every, script) for name, value in one.assignments.items()},
        assigned=[*(value for one in every for value in one.assigned), *script.assigned],
        heredocs=[*(value for one in every for value in one.heredocs), *script.heredocs],
        reads=[*(value for one in every for value in one.reads), *script.reads],
        arrays={name: value for one in (*every, script) for name, value in one.arrays.items()},
        lists={name: value for one in (*every, script) for name, value in one.lists.items()},
        broken=next((one.broken for one in (script, *every) if one.broken), None),
        cut=next((one.cut for one in (script, *every) if one.cut), None),
    )
    return shell.with_words(whole)


def _shell_text(made: Submission, path: str, *, sourced: bool = False) -> str | None:
    """None where the file is no shell script; what a shell sources is one, whatever its name."""
    text = made.tree.lenient(path)
    return text if "\0" not in text and (sourced or is_shell(text, path)) else None


def is_shell(text: str, path: str) -> bool:
    """Whether a file is a script of a shell: by its `#!`, else by its name."""
    shebang = next((line for line in text.split("\n")[:20] if line.startswith("#!")), "")
    if shebang:
        return re.search(r"\b(ba|da|a|z)?sh\b", shebang) is not None
    return path.endswith(".sh") or "." not in posixpath.basename(path)
