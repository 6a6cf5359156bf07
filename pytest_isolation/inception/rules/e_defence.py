"""E: what happens at the defence: a fresh clone, data removed, a change asked for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from pytest_isolation.inception import shell
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, not_applicable, passed
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Place, Text
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.c_compose import stores
from pytest_isolation.inception.script import Command, handed
from pytest_isolation.inception.secrets import is_example
from pytest_isolation.inception.started import after_compose
from pytest_isolation.inception.yaml import Map

MAX_BRACES, MAX_BRACED = 8, 64
"""Lists in one word, and the words that they make."""
OF_DOCKER = ("host", "bridge", "none")
"""Networks that every daemon has."""


def _commands(s: Submission, target: str | None) -> list[Command]:
    """What making `target` (None: any) runs, with the scripts it calls."""
    assert s.makefile is not None
    found: list[Command] = []
    for line in s.makefile.lines(target):
        for command in shell.parse(str(line), line.at.file, line.at.line).commands:
            found.append(command)
            for number, word in enumerate(command.real[:3], 1):
                if path := s.tree.find(s.path(word)) if "/" in word or word.endswith(".sh") else None:
                    for one in shell.parse(s.tree.lenient(path), path).commands:
                        words = one.words if one.function else handed(one.words, command.real[number:])
                        found.append(replace(one, words=words))
    return found


def _compose(s: Submission, target: str | None) -> list[list[str]]:
    """Words behind `docker compose` of every call."""
    return [words for one in _commands(s, target) if (words := after_compose(list(one.real))) is not None]


@rule(
    "E01", Severity.ADVICE, since="5",
    asks="After a change of a service's configuration, make builds it again.",
    look="the evaluator changes a port and asks for a rebuild",
    needs="makefile",
)  # fmt: skip
def builds_again(s: Submission) -> Iterator[Finding]:
    assert s.makefile is not None
    calls = _compose(s, None)
    if not calls:
        yield not_applicable("no call of docker compose is seen (S05)")
    elif not any("--build" in words or "build" in words or "--rmi" in words for words in calls):
        yield fail(Place(s.makefile.file), "nothing builds an image that is there already",
                   "docker compose up --build, or a change of a file that an image copies is not seen")  # fmt: skip


@rule(
    "E02", Severity.RULE,
    asks="make makes the directories of the data: the evaluation starts without them.",
    look="sudo rm -rf /home/LOGIN/data; make",
    needs="makefile",
)  # fmt: skip
def makes_directories(s: Submission) -> Iterator[Finding]:
    assert s.makefile is not None
    devices = _devices(s)
    if not devices:
        yield passed("no volume needs a directory that is there before")
        return
    goal = s.makefile.default
    if goal is None or not _compose(s, goal):  # S06 says so; then whatever starts the stack is the goal
        goal = next((name for name in s.makefile.targets if any("up" in words for words in _compose(s, name))), None)
    if goal is None:
        yield not_applicable("no target starts the stack (S05, S06)")
        return
    makers = [one for one in _commands(s, goal) if one.name == "mkdir" or (one.name == "install" and "-d" in one.words)]
    made = [word for one in makers for word in _words(s, one)]
    for device in devices:
        if any(_is_it(word, device) for word in made):
            continue
        if any(_is_it(inner, device) for word in made for inner in braced(word)):
            at = next(one.at for one in makers if any("{" in word for word in one.words))
            says = "make's shell is sh, to which {a,b} is no list: dash makes one directory of that name"
            yield advice(at, says, "SHELL := /bin/bash in the Makefile, or each directory by its name")
            break
        elsewhere = [
            one for one in _commands(s, None)
            if one.name == "mkdir" and one not in makers
            and (_last_part(device) in str(one) or "data" in str(one).lower())
        ]  # fmt: skip
        where = f"; {elsewhere[0].at} does, in a target that {goal} does not reach" if elsewhere else ""
        says = f"failed to mount local volume: {device}: no such file or directory"  # as Docker's daemon says it
        yield fail(
            device.at, f"{says}: nothing that `make {goal}` runs makes {device}{where}", f"mkdir -p {device} before up"
        )


def _words(s: Submission, command: Command) -> list[str]:
    """The directories that a `mkdir` makes: where its shell is bash, each of `{a,b}`."""
    words = [word for word in command.real[1:] if not word.startswith("-")]
    assert s.makefile is not None
    by_make = command.at.file == s.makefile.file or "akefile" in command.at.file
    first = s.makefile.variables.get("SHELL", "") if by_make else s.tree.lenient(command.at.file).partition("\n")[0]
    return [inner for word in words for inner in braced(word)] if re.search("bash|zsh", first) else words


def braced(word: str) -> list[str]:
    """What bash makes of `a/{b,c}`."""
    made = [word]
    for _ in range(MAX_BRACES):
        found = [(one, re.search(r"(?<!\$)\{([^{}]*,[^{}]*)\}", one)) for one in made]
        made = [
            inner
            for one, match in found
            for inner in (
                [one[: match.start()] + item + one[match.end() :] for item in match[1].split(",")] if match else [one]
            )
        ][:MAX_BRACED]
    return made


def _is_it(word: str, device: str) -> bool:
    """Whether `mkdir -p WORD` makes the directory; what only the run knows may."""
    if re.search(r"[$`]", word):
        return True
    if not word.startswith("/") or not device.startswith("/") or "$" in device:
        return _last_part(device) in word.split("/")
    return f"{posixpath.normpath(word)}/".startswith(f"{posixpath.normpath(device)}/")


def _last_part(path: str) -> str:
    return posixpath.basename(path.rstrip("/"))


def _devices(s: Submission) -> list[Text]:
    """Directories of the host that local volumes are bound to: Docker does not make them."""
    if s.compose is None:
        return []
    found = []
    volumes = s.compose.top("volumes")
    for name in stores(s):
        volume = volumes.get(name)
        options = volume.get("driver_opts") if isinstance(volume, Map) else None
        device = options.get("device") if isinstance(options, Map) else None
        if isinstance(device, Text):
            found.append(device)
    return found


@rule(
    "E03", Severity.RULE,
    asks="What the compose file calls external is made by make.",
    look="docker network ls; docker volume ls, before and after make",
    needs="compose",
)  # fmt: skip
def external_is_made(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    made: list[Command] = []
    if s.makefile is not None and s.makefile.default is not None:
        made = [one for one in _commands(s, s.makefile.default) if one.name == "docker" and "create" in one.words]
    for kind in ("networks", "volumes", "secrets", "configs"):
        for key, value in s.compose.top(kind).entries():
            external = value.get("external") if isinstance(value, Map) else None
            if external is None or external == "false":
                continue
            name = str(value.get("name") or key)
            if kind == "networks" and name in OF_DOCKER:
                continue
            if not any(name in one.words or any("$" in word for word in one.words) for one in made):
                what = kind.removesuffix("s")
                yield fail(key.at, f"{name} is external, and nothing that make runs creates it",
                           f"docker {what} create {name} in the Makefile, or no external:")  # fmt: skip


@rule(
    "E04", Severity.ADVICE,
    asks="A fresh clone says which variables its .env needs.",
    look="git clone; ls srcs; read the README",
    needs="compose",
)  # fmt: skip
def variables_are_told(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    wanted = sorted({name for _, name in s.compose.written} | set(_from_scripts(s)))
    if not wanted:
        return
    if any(is_example(path) for path in s.tree.files if "env" in posixpath.basename(path)):
        return
    if any(path.endswith(".env") and s.tracked(path) for path in s.tree.files):
        return
    scripts = [script for _, script in s.host_scripts]
    text = "\n".join((
        *(s.tree.lenient(path) for path in s.tree.files if path.endswith(".md")),
        *map(str, s.makefile.lines() if s.makefile else ()),
        *(str(one) for script in scripts for one in script.commands),
        *(body for script in scripts for _, body, _ in script.heredocs),
    ))  # fmt: skip
    missing = [name for name in wanted if not re.search(rf"\b{re.escape(name)}\b", text)]
    if missing:
        yield advice(Place(s.compose.files[0]), f"nothing in the repository tells of {', '.join(missing[:6])}",
                     "srcs/.env.example with the names and no values")  # fmt: skip


def _from_scripts(s: Submission) -> Iterator[str]:
    """Variables of services that read an env file, as their start scripts use them."""
    for image in s.images.values():
        if not image.service.env_files:
            continue
        for start in image.starts:
            text = " ".join(
                [*(str(one) for one in start.script.commands), *(body for _, body, _ in start.script.heredocs)]
            )
            own = set(start.script.assignments) | {"HOME", "PATH", "PWD", "USER", "HOSTNAME", "IFS", "PHP_VERSION"}
            for name in re.findall(r"\$\{?([A-Z][A-Z0-9_]{2,})\b", text):
                if name not in own and name not in image.service.environment:
                    yield name
