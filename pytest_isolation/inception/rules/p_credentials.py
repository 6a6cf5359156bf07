"""P: credentials, and where git keeps them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from math import comb
from typing import TYPE_CHECKING

from pytest_isolation.inception import passwords, secrets, shell
from pytest_isolation.inception.dockerfile import run_texts
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, unclear
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Place, Text, Unreadable
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.c_compose import host_commands
from pytest_isolation.inception.script import Command, Script
from pytest_isolation.inception.yaml import Map

if TYPE_CHECKING:
    from dulwich.ignore import IgnoreFilter

UNTRACKED = "a git repository, to see whether the file is tracked"
IDENTIFIED = re.compile(
    r"IDENTIFIED\s+(?:VIA\s+\w+\s+USING\s+PASSWORD\(|BY\s+)(?:PASSWORD\s+)?\\?(['\"])([^'\"$`\\]+)\\?\1", re.I
)

MAX_ENCODED = 16_000
"""Bytes."""
MAX_PATTERNS = 1_000
MAX_PATTERN_TEXT = 50_000
MAX_WAYS = 1_000_000
"""Of matching the patterns of a .gitignore with one path: a second."""


def line_of(text: str, at: int) -> int:
    """The number of the line that the character `at` is in, from 1."""
    return text.count("\n", 0, at) + 1


@rule(
    "P01", Severity.END,
    asks="No password is written in a Dockerfile.",
    look="grep -rniE 'pass|pwd' --include=Dockerfile srcs",
    needs="compose",
)  # fmt: skip
def none_in_dockerfiles(s: Submission) -> Iterator[Finding]:
    fix = "take it from a secret or a variable when the container starts"
    for image in s.images.values():
        for stage in image.dockerfile.stages if image.dockerfile else []:
            for one in stage.every("ENV", "ARG"):
                for name, value in _pairs(one.text, one.words):
                    if secrets.is_credential(name, value):
                        yield fail(one.at, f"{one.name} {name}={secrets.shown(value)}", fix)
            for text in [*run_texts(stage), *(body for one in stage.every("COPY", "ADD") for body in one.bodies)]:
                yield from in_shell(text, fix)


def _pairs(text: str, words: tuple[str, ...]) -> list[tuple[str, str]]:
    if words and "=" not in words[0] and len(words) > 1:
        return [(words[0], " ".join(words[1:]))]  # ENV NAME VALUE
    return [(name, value) for name, _, value in (word.partition("=") for word in words)]


def in_shell(text: Text, fix: str) -> Iterator[Finding]:
    """What a shell text, or a file of a here-document, has as a literal: in SQL, variables and commands."""
    for match in IDENTIFIED.finditer(text):
        if secrets.is_literal(match[2]):
            at = Place(text.at.file, text.at.line + line_of(text, match.start()) - 1)
            yield fail(at, f"IDENTIFIED BY {secrets.shown(match[2])}", fix)
    yield from in_script(shell.parse(str(text), text.at.file, text.at.line), fix)


def in_script(script: Script, fix: str) -> Iterator[Finding]:
    """What a shell text gives a variable or a command."""
    for variable, value, at in passwords.assigned(script):
        yield fail(at, f"{variable}={secrets.shown(value)}", fix)
    for command, value in passwords.piped(script.commands):
        yield fail(command.at, f"{command.name} gets {secrets.shown(value)}", fix)
    for command in script.commands:
        yield from given(command, fix)


def given(command: Command, fix: str) -> Iterator[Finding]:
    """A password among the words of a command: `mysqladmin -uroot -pRz8vQ2mN4 ping`."""
    for name, value in passwords.given_in(command.real):
        yield fail(command.at, f"{command.name} {name}{secrets.shown(value)}", fix)
    for name, value in passwords.set_by(command):
        yield fail(command.at, f"{name}={secrets.shown(value)}", fix)


@rule(
    "P02", Severity.END,
    asks="No file with credentials as variables is in the repository.",
    look="git ls-files | grep env",
)  # fmt: skip
def no_env_tracked(s: Submission) -> Iterator[Finding]:
    named = env_paths(s)
    for path in s.published():
        if path not in named:
            if MAY_BE_ENCODED.search(path) and s.tree.files.get(path, 0) < MAX_ENCODED:
                yield from _encoded(s, path)
            continue
        found = list(secrets.credentials_of_env(s.content(path), path))
        if not found:
            continue
        names = ", ".join(name for name, _ in found[:4])
        if secrets.is_example(path):
            yield unclear(found[0][1], f"an example with values: {names}", "whether these are in use; leave them blank")
        elif s.tracked(path) is None:
            yield unclear(found[0][1], f"holds {names}", UNTRACKED)
        else:
            fix = f"git rm --cached {path}, name it in .gitignore, and change the passwords"
            yield fail(found[0][1], f"git tracks it, and it holds {names}", fix)


MAY_BE_ENCODED = re.compile(r"(b64|base64|\.enc|env|secret|cred|pass|vars|config|key)[^/]*$", re.I)


def _encoded(s: Submission, path: str) -> Iterator[Finding]:
    if names := passwords.encoded(s.content(path), path):
        fix = f"git rm --cached {path}: base64 hides nothing; change the passwords"
        yield fail(Place(path), f"git tracks it, and it holds {', '.join(names[:4])}, only encoded", fix)


def env_paths(s: Submission) -> set[str]:
    """Files of variables: by their names, and those that the compose file, or make's call of it, reads as such."""
    found = {path for path in s.published() if secrets.is_env_file(path)}
    for service in s.compose.services.values() if s.compose is not None else ():
        found |= {path for one in service.env_files if (path := s.tree.find(posixpath.join(service.base, one)))}
    for command in host_commands(s):
        for before, word in pairwise(("", *command.words)):
            named = word if before == "--env-file" else word.partition("=")[2] if word.startswith("--env-file=") else ""
            found |= {path for base in ("", "srcs") if named and (path := s.tree.find(s.path(base, named)))}
    return found


def secret_paths(s: Submission) -> set[str]:
    """Files that are secrets by their directory or because compose says so."""
    published = set(s.published())
    found = {path for path in published if secrets.is_secret_file(path, s.root)}
    if s.compose is not None:
        base = posixpath.dirname(s.compose.files[0])
        for secret in s.compose.top("secrets").values():
            file = secret.get("file") if isinstance(secret, Map) else None
            if isinstance(file, Text) and (path := posixpath.normpath(posixpath.join(base, file))) in published:
                found.add(path)
    return found


@rule(
    "P03", Severity.END, since="3",
    asks="No file of a secret is in the repository.",
    look="git ls-files secrets",
)  # fmt: skip
def no_secret_tracked(s: Submission) -> Iterator[Finding]:
    for path in sorted(secret_paths(s)):
        text = s.content(path)
        if not secrets.is_secret(text):
            continue
        if secrets.PRIVATE_KEY.search(text) or "BEGIN CERTIFICATE" in text or secrets.is_env_file(path):
            continue  # P04's and P02's
        if s.tracked(path) is None:
            yield unclear(Place(path, 1), "a secret with a value", UNTRACKED)
        else:
            fix = f"git rm --cached {path}, ignore the directory, and change the secret"
            yield fail(Place(path, 1), "a tracked secret with a value", fix)


@rule(
    "P04", Severity.RULE,
    asks="No private key is in the repository.",
    look="git grep -l 'PRIVATE KEY'",
)  # fmt: skip
def no_private_key(s: Submission) -> Iterator[Finding]:
    for path in s.published():
        if s.tree.files.get(path, 0) > 65_536:
            continue
        text = s.content(path)
        if match := secrets.PRIVATE_KEY.search(text):
            at = Place(path, line_of(text, match.start()))
            if s.tracked(path) is None:
                yield unclear(at, "a private key", UNTRACKED)
            else:
                yield fail(at, "a private key", "make the key when the image is built or the container starts")


@rule(
    "P06", Severity.ADVICE,
    asks="Secrets are not build arguments: they stay in the image's history.",
    look="docker history --no-trunc IMAGE",
    needs="compose",
)  # fmt: skip
def no_secret_arguments(s: Submission) -> Iterator[Finding]:
    for name, image in s.images.items():
        for key, value in image.service.build.args.items() if image.service.build else ():
            if secrets.NAME.search(key) and not secrets.NOT_A_VALUE.search(key):
                yield advice(value.at, f"{name}: the build argument {key}", "hand it over when the container starts")


@rule(
    "P08", Severity.ADVICE, since="1.3",
    asks=".gitignore covers the .env file and the secrets.",
    look="git check-ignore srcs/.env secrets/x",
)  # fmt: skip
def ignored(s: Submission) -> Iterator[Finding]:
    wanted = ["srcs/.env"]
    if s.since("3") and s.compose is not None and any(
        isinstance(one, Map) and "file" in one for one in s.compose.top("secrets").values()
    ):  # fmt: skip
        base = posixpath.dirname(s.compose.files[0])
        for one in s.compose.top("secrets").values():
            if isinstance(one, Map) and isinstance(file := one.get("file"), Text):
                path = posixpath.normpath(posixpath.join(base, file))
                if not path.startswith(("..", "/")):
                    wanted.append(path[len(s.root) :].lstrip("/"))
    for path in wanted:
        if not _is_ignored(s, s.path(path)):
            yield advice(Place(s.path(".gitignore")), f"{path} is not ignored", f"add a line to .gitignore: {path}")


def _is_ignored(s: Submission, path: str) -> bool:
    """Raises Unreadable for a .gitignore that would take minutes to apply."""
    above = s.git.prefix if s.git is not None else ""
    files = dict(s.git.ignores) if s.git is not None else {}
    parts = (above + path).split("/")
    ignored = False
    for depth in range(len(parts)):
        directory = "/".join(parts[:depth])
        own = f"{directory}/.gitignore".removeprefix(above).lstrip("/") if f"{directory}/".startswith(above) else ""
        text = files.get(directory) if not own else s.tree.lenient(own) if own in s.tree else None
        if text is None:
            continue
        file = own or f"{'../' * above[len(directory) :].lstrip('/').count('/')}.gitignore"
        below = parts[depth:]
        rules = _rules(file, text, len("/".join(below)))
        for end in range(1, len(below) + 1):
            said = rules.is_ignored("/".join(below[:end]) + ("/" if end < len(below) else ""))
            ignored = ignored if said is None else said
            if said and end < len(below):
                return True
    return ignored


@lru_cache(maxsize=64)
def _rules(file: str, text: str, length: int) -> IgnoreFilter:
    """The patterns of `file`, for paths of `length` characters."""
    from dulwich.ignore import IgnoreFilter

    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) > MAX_PATTERNS or sum(map(len, lines)) > MAX_PATTERN_TEXT:
        raise Unreadable(f"more than {MAX_PATTERNS} patterns or {MAX_PATTERN_TEXT} characters", Place(file))
    # A pattern with n stars is tried in as many ways as n stars can share the characters of a path.
    if sum(comb(length + stars, stars) for line in lines if (stars := min(line.count("*"), 20)) > 2) > MAX_WAYS:
        raise Unreadable("patterns with too many stars", Place(file))
    return IgnoreFilter([line.encode() for line in lines])
