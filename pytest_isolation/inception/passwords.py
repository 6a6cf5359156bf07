"""Passwords that commands are handed: among their words, through a pipe, by a here-string, or as what a variable is
when it has no other value."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pytest_isolation.inception import shell
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.script import Command, Script
from pytest_isolation.inception.secrets import NAME, credentials_of_env, is_credential, is_literal

FLAG = re.compile(r"(--(?:[a-z_]*pass(?:word|phrase)?|dbpass|admin_password|user_pass))=(.+)$")
CLIENT = re.compile(r"(mysql|mariadb)(-?(admin|dump|check|show|import))?")
"""MariaDB's clients: `-p` and a value in one word."""
KEYED: dict[str, tuple[str, ...]] = {
    "redis-cli": ("-a", "--pass"),
    "redis-server": ("--requirepass",),
    "gpg": ("--passphrase",),
    "gpg2": ("--passphrase",),
    "sshpass": ("-p",),
    "unzip": ("-P",),
    "zip": ("-P",),
    "mysqladmin": ("password",),
    "mariadb-admin": ("password",),
}
"""Program -> words behind which a password stands."""
ENGINES = frozenset({"docker", "docker-compose", "podman"})
THROUGH = ENGINES | {"gosu", "su-exec", "timeout", "xargs", "su", "runuser", "chroot", "if", "until"}
"""Programs that run another: `docker exec mariadb mysql -pRz8vQ2mN4`."""
OF_USER = re.compile(r"(?:-u|--user)=?(.*)")
"""curl's and lftp's: `-u NAME:PASSWORD`, `-u NAME,PASSWORD`."""
IN_URL = re.compile(r"\b[a-z][a-z+]*://[^/\s:@$'\"]*:([^/\s:@$'\"{}<>]{3,})@")
TAKES = frozenset({"chpasswd", "passwd", "adduser", "pure-pw", "smbpasswd"})
"""Programs that read a password."""
ASKED = frozenset({"--password-stdin", "-S", "--passphrase-fd"})
DECODES = frozenset(
    {"base64", "openssl", "xxd", "rev", "tr", "base32", "uudecode", "sed", "cut", "sha256sum", "md5sum"}
)
"""Filters: what a literal text is after them, everybody can make of it again."""
HANDS_ON = ENGINES | {"make", "env"}
"""Programs that are given variables among their words."""
SAYS = frozenset({"echo", "printf"})
DEFAULT = re.compile(r"\$\{(?P<name>\w+):?[-=](?P<quote>['\"]?)(?P<value>[^{}$'\"`]+)(?P=quote)\}")
"""`${NAME:-VALUE}` of a shell and of compose."""
KEY = re.compile(r"\s*-?\s*(?:export\s+)?['\"]?([A-Za-z_]\w*)['\"]?\s*[:=]")
ENCODED = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}\s*")
MAX_ENCODED = 64_000


def given_in(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(what stands before it, value) of the passwords that a command has in its words, as literals."""
    if not words:
        return
    program = words[0].rpartition("/")[2]
    through = program in THROUGH and (program not in ENGINES or "exec" in words)
    before = ""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if through and (CLIENT.fullmatch(inner := word.rpartition("/")[2]) or inner in KEYED):
            program, before = inner, f"{inner} "
        keys = KEYED.get(program, ())
        if flag := FLAG.match(word):
            name, value = f"{flag[1]}=", flag[2]
        elif CLIENT.fullmatch(program) and re.match(r"-p[^=\s]", word):
            name, value = "-p", word[2:]
        elif word in keys:
            name, value = f"{word} ", after
        elif program == "openssl" and "enc" in words[1:2] and word in ("-k", "-pass"):
            name, value = f"{word} ", after.removeprefix("pass:")
        elif program in ("curl", "lftp") and (match := OF_USER.fullmatch(word)):
            user, _, value = (match[1] or after).replace(",", ":").partition(":")
            name = f"-u {user}:"
        elif match := IN_URL.search(word):
            name, value = word[: match.start(1)], match[1]
        else:
            continue
        if is_literal(value) and not value.startswith(("-", "<", "env:", "file:")):
            yield f"{before}{name}", value


def set_by(command: Command) -> Iterator[tuple[str, str]]:
    """(name, value) of variables that are set for one command: before it, or for `docker -e` and `env`."""
    handed = [one for one in command.words if "=" in one] if command.name in HANDS_ON or "env" in command.words else []
    for word in (*command.prefix, *handed):
        name, equals, value = word.removeprefix("-e").partition("=")
        if equals and is_credential(name, value):
            yield name, value


def piped(commands: Sequence[Command]) -> Iterator[tuple[Command, str]]:
    """(the program that reads it, value) of literal passwords that `echo` and here-strings hand over."""
    for command in commands:
        if command.fed and _reads(command) and is_literal(value := _password(command, command.fed)):
            yield command, value
    for before, command in pairwise(commands):
        if before.name in SAYS and command.piped_into and _reads(command):
            for line in before.printed.replace("\\n", "\n").splitlines():
                if is_literal(value := _password(command, line)):
                    yield command, value
                    break


def _reads(command: Command) -> bool:
    return command.name in TAKES or bool(ASKED & set(command.words))


def _password(command: Command, line: str) -> str:
    return line.partition(":")[2] if command.name == "chpasswd" else line


def literal(value: str, at: Place) -> str | None:
    """The text that a value is on every machine, TEXT of `$(echo TEXT | base64 -d)`; None where there is none."""
    match = re.fullmatch(r"\$\((.*)\)|`(.*)`", value.strip().strip('"'), re.DOTALL)
    if match is None:
        return None
    commands = shell.parse(match[1] or match[2] or "", at.file, at.line or 1).commands
    if not commands or not {one.name for one in commands[1:]} <= DECODES:
        return None
    first = commands[0]
    if first.name in SAYS and len(first.words) > 1:
        text = first.words[-1]
    elif first.fed and first.name in DECODES:
        text = first.fed
    else:
        return None
    return text if is_literal(text) else None


def assigned(script: Script) -> Iterator[tuple[str, str, Place]]:
    """(name, value, place) of the variables that a script gives a credential."""
    for name, value, at in script.assigned:
        if is_credential(name, value):
            yield name, value, at
        elif NAME.search(name) and (text := literal(value, at)) and is_credential(name, text):
            yield name, text, at


def defaults(text: str) -> Iterator[tuple[str, str, int]]:
    """(name, value, line) of the credentials that stand as what a variable is without another value."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#") or "${" not in line:
            continue
        key = KEY.match(line)
        for match in DEFAULT.finditer(line):
            names = (match["name"], *((key[1],) if key else ()))
            if name := next((one for one in names if is_credential(one, match["value"])), None):
                yield name, match["value"], number


def encoded(text: str, path: str) -> list[str]:
    """Names of the credentials of an env file that was only encoded, as base64 does."""
    if len(text) > MAX_ENCODED or not ENCODED.fullmatch(text):
        return []
    try:
        plain = base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return []
    return [name for name, _ in credentials_of_env(plain, path)]
