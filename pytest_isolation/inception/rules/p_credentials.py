"""P: credentials, and where git keeps them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from math import comb
from typing import TYPE_CHECKING

from pytest_isolation.inception import secrets, shell
from pytest_isolation.inception.compose_service import Service
from pytest_isolation.inception.dockerfile import run_texts
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, not_applicable, unclear
from pytest_isolation.inception.follow import SHELLS
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Place, Text, Unreadable
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.c_compose import host_commands
from pytest_isolation.inception.script import Command
from pytest_isolation.inception.yaml import Map, Seq

if TYPE_CHECKING:
    from dulwich.ignore import IgnoreFilter

UNTRACKED = "a git repository, to see whether the file is tracked"
IDENTIFIED = re.compile(r"IDENTIFIED\s+(?:VIA\s+\w+\s+USING\s+PASSWORD\(|BY\s+)(?:PASSWORD\s+)?'([^'$`]+)'", re.I)
SALT = re.compile(r"^[ \t]*define\(\s*'(\w*(?:KEY|SALT|PASSWORD))'\s*,\s*'([^']+)'", re.M)
ASSIGNED = re.compile(
    r"""(?<![\w$])["']?\$?(?P<name>[A-Za-z_]\w*)["']?\s*(?:=>|=|:|,)\s*(?P<quote>["'])(?P<value>[^"'\n\s]{6,200})(?P=quote)"""
)
"""NAME = "VALUE", "NAME": "VALUE", 'NAME' => 'VALUE', define('NAME', 'VALUE')."""
IN_PROSE = re.compile(
    r"(?:\b(?-i:(?P<name>[A-Z][A-Z0-9_]{2,40}))=|\b(?:password|passwd|mot de passe|mdp)\b[*`\s]*(?:is|est|:|=)[*`\s]*)"
    r"[`'\"]?(?P<value>[^\s`'\"|<>]{6,100})",
    re.I,
)
STRONG = re.compile(r"(?=.*[A-Za-z])(?=.*[\d!@#%^&*?+])(?!.*[/$(){}<>\[\]]).{6,}")
"""Letters with digits or signs, and no path, call or reference."""
DOCUMENTS, CODE = (".md", ".txt", ".rst"), (".py", ".js", ".ts", ".php")
MAX_CODE = 64_000
"""Characters: a longer file is somebody else's program that was copied in."""
CODED = re.compile(
    r"^[ \t]*(?:(?:ENV|ARG|export|local|readonly)[ \t]+)?(?P<name>[A-Za-z_]\w*)[= ](?P<value>\S{1,200})", re.M
)
PASTES = re.compile(
    r"https?://(?:www\.)?(gist\.github(?:usercontent)?\.com|pastebin\.com|paste\.[\w.]+|hastebin\.com|rentry\.co)\S*"
)


MAX_PATTERNS = 1_000
MAX_PATTERN_TEXT = 50_000
MAX_WAYS = 1_000_000
"""Of matching the patterns of a .gitignore with one path: a second."""


def _line(text: str, at: int) -> int:
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
                yield from _in_shell(text, fix)


def _pairs(text: str, words: tuple[str, ...]) -> list[tuple[str, str]]:
    if words and "=" not in words[0] and len(words) > 1:
        return [(words[0], " ".join(words[1:]))]  # ENV NAME VALUE
    return [(name, value) for name, _, value in (word.partition("=") for word in words)]


def _in_shell(text: Text, fix: str) -> Iterator[Finding]:
    for match in IDENTIFIED.finditer(text):
        if secrets.is_literal(match[1]):
            at = Place(text.at.file, text.at.line + _line(text, match.start()) - 1)
            yield fail(at, f"IDENTIFIED BY {secrets.shown(match[1])}", fix)
    script = shell.parse(str(text), text.at.file, text.at.line)
    commands = script.commands
    for variable, value, at in script.assigned:
        if secrets.is_credential(variable, value):
            yield fail(at, f"{variable}={secrets.shown(value)}", fix)
    for before, command in pairwise(commands):
        if command.name == "chpasswd" and before.name in ("echo", "printf"):
            password = before.words[-1].partition(":")[2]
            if secrets.is_literal(password):
                yield fail(before.at, f"chpasswd gets {secrets.shown(password)}", fix)
    for command in commands:
        yield from _given(command, fix)


def _given(command: Command, fix: str) -> Iterator[Finding]:
    """A password among the words of a command: `mysqladmin -uroot -pRz8vQ2mN4 ping`."""
    for name, value in secrets.given_in(command.real):
        yield fail(command.at, f"{command.name} {name}{secrets.shown(value)}", fix)


@rule(
    "P02", Severity.END,
    asks="No file with credentials as variables is in the repository.",
    look="git ls-files | grep env",
)  # fmt: skip
def no_env_tracked(s: Submission) -> Iterator[Finding]:
    for path in s.published():
        if not secrets.is_env_file(path):
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


def _secret_paths(s: Submission) -> set[str]:
    """Files that are secrets by their directory or because compose says so."""
    found = {path for path in s.published() if secrets.is_secret_file(path, s.root)}
    if s.compose is not None:
        base = posixpath.dirname(s.compose.files[0])
        for secret in s.compose.top("secrets").values():
            file = secret.get("file") if isinstance(secret, Map) else None
            if isinstance(file, Text) and (path := posixpath.normpath(posixpath.join(base, file))) in s.published():
                found.add(path)
    return found


@rule(
    "P03", Severity.END, since="3",
    asks="No file of a secret is in the repository.",
    look="git ls-files secrets",
)  # fmt: skip
def no_secret_tracked(s: Submission) -> Iterator[Finding]:
    for path in sorted(_secret_paths(s)):
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
            at = Place(path, _line(text, match.start()))
            if s.tracked(path) is None:
                yield unclear(at, "a private key", UNTRACKED)
            else:
                yield fail(at, "a private key", "make the key when the image is built or the container starts")


@rule(
    "P05", Severity.END, since="1.3",
    asks="No credential is anywhere else in the repository, nor in a public paste.",
    look="git grep -niE 'pass|secret|token'",
)  # fmt: skip
def none_elsewhere(s: Submission) -> Iterator[Finding]:
    fix = "take it from a secret or from a variable of an untracked .env, and change it"
    if s.compose is not None:
        for name, service in s.compose.services.items():
            for key, value in service.environment.items():
                known = value is not None and str(value) in set(map(str, s.compose.variables.values()))
                if value is not None and not known and secrets.is_credential(key, value):
                    yield fail(value.at, f"{name}: {key}: {secrets.shown(value)}", fix)
            for command in _of_compose(service):
                yield from _given(command, fix)
    for path in s.published():
        size = s.tree.files.get(path, 0)
        if size > 1 << 20 or _is_dockerfile(path) or path.lower().endswith((".png", ".jpg", ".pdf")):
            continue
        if path.lower().endswith(DOCUMENTS):
            yield from _in_document(s, path, fix)
        else:
            yield from _in_file(s, path, fix)
    for _, script in s.host_scripts:
        for target, body, at in script.heredocs:
            for name, place in secrets.credentials_of_env(body, at.file) if secrets.is_env_file(target) else ():
                yield fail(Place(at.file, at.line + place.line - 1), f"{target} gets {name}", fix)
    made_by = s.makefile.file if s.makefile is not None else ""
    for command in host_commands(s):
        if command.at.file == made_by:
            yield from _given(command, fix)
        yield from _written(s, command, fix)
        for word in command.words:
            if (match := PASTES.search(word)) and command.name in ("curl", "wget"):
                yield fail(command.at, f"fetches {match[0][:80]}", "keep the file on the machine; nothing public")


def _written(s: Submission, command: Command, fix: str) -> Iterator[Finding]:
    """`echo DB_PASSWORD=Rz8vQ2mN4 >> srcs/.env`, or a value into the file of a secret."""
    if command.name not in ("echo", "printf") or not command.into:
        return
    words = [word for word in command.words[1:] if not re.match(r"-|%s", word)]
    lines = " ".join(words).replace("\\n", "\n").splitlines()
    if secrets.is_env_file(command.into):
        for line in lines:
            name, _, value = line.strip().partition("=")
            if value and secrets.is_credential(name, value.strip("'\"")):
                yield fail(command.at, f"{command.into} gets {name}={secrets.shown(value)}", fix)
    elif secrets.is_secret_file(posixpath.normpath(command.into).lstrip("./"), ""):
        for line in lines:
            if secrets.is_literal(line.strip()):
                yield fail(command.at, f"{command.into} gets {secrets.shown(line)}", fix)


def _of_compose(service: Service) -> Iterator[Command]:
    """What the compose file itself has a container run: entrypoint, command, and the test of its health."""
    health = service.raw.get("healthcheck")
    test = health.get("test") if isinstance(health, Map) else None
    for words in (service.raw.get("entrypoint"), service.raw.get("command"), test):
        if isinstance(words, Text):
            yield from shell.parse(str(words), words.at.file, words.at.line).commands
        elif isinstance(words, Seq):
            every = [str(one) for one in words if isinstance(one, Text)]
            at = next((one.at for one in words if isinstance(one, Text)), service.at)
            if every[:1] in (["CMD"], ["CMD-SHELL"]):
                every = every[1:]
            if len(every) == 1 or (every[1:2] and every[0].rpartition("/")[2] in SHELLS and every[1].endswith("c")):
                yield from shell.parse(every[-1], at.file, at.line).commands
            else:
                yield Command(tuple(every), at)


def _is_dockerfile(path: str) -> bool:
    return "dockerfile" in posixpath.basename(path).lower()


def _in_document(s: Submission, path: str, fix: str) -> Iterator[Finding]:
    """A document shows what to write, so that only what nobody would make up for an example is a credential."""
    if path in _secret_paths(s) or secrets.is_env_file(path):
        return  # P03's and P02's
    text = s.content(path)
    for match in IN_PROSE.finditer(text):
        name, value = match["name"] or "password", match["value"].rstrip(".,;:)`*\"'")
        if secrets.is_credential(name, value, example=True) and STRONG.search(value):
            yield fail(Place(path, _line(text, match.start("value"))), f"{name}: {secrets.shown(value)}", fix)


def _in_code(path: str, text: str, fix: str) -> Iterator[Finding]:
    """A quoted text that is given to a name in Python, JavaScript or PHP."""
    for match in ASSIGNED.finditer(text):
        name, value = match["name"], match["value"]
        # What a form shows beside its field is a word or a sentence.
        if secrets.is_credential(name, value, example=True) and STRONG.search(value):
            yield fail(Place(path, _line(text, match.start())), f"{name} is {secrets.shown(value)}", fix)


SQL = re.compile(r"\.(sql|dump)(\.|$)", re.I)
TEMPLATE = re.compile(r"\.(sh|bash|template|tmpl|tpl|in|j2|dist)$", re.I)
"""What a script fills in, and hands to a server."""


def _in_file(s: Submission, path: str, fix: str) -> Iterator[Finding]:
    name = posixpath.basename(path)
    text = s.content(path)
    if SQL.search(name):
        for match in secrets.PASSWORD_HASH.finditer(text):
            yield fail(Place(path, _line(text, match.start())), "a password's hash", fix)
            break
    if SQL.search(name) or TEMPLATE.search(name) or "." not in name or text.startswith("#!"):
        for match in IDENTIFIED.finditer(text):
            if secrets.is_literal(match[1]):
                yield fail(Place(path, _line(text, match.start())), f"IDENTIFIED BY {secrets.shown(match[1])}", fix)
    if name.endswith(".php") or name.startswith("wp-config"):
        plain = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
        for match in SALT.finditer(plain):
            if secrets.is_literal(match[2]) and "unique phrase" not in match[2] and not match[2].startswith("__"):
                yield fail(Place(path, _line(plain, match.start())), f"{match[1]} is {secrets.shown(match[2])}", fix)
    if name.endswith(CODE) and len(text) <= MAX_CODE:
        yield from _in_code(path, text, fix)
    if name.endswith(".sh") or text.startswith("#!"):
        script = shell.parse(text, path)
        for variable, value, at in script.assigned:
            if secrets.is_credential(variable, value):
                yield fail(at, f"{variable}={secrets.shown(value)}", fix)
        for command in script.commands:
            yield from _given(command, fix)


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
    "P07", Severity.ADVICE,
    asks="The history holds no credential either.",
    look="git log --all --oneline -- '*.env' secrets",
)  # fmt: skip
def clean_history(s: Submission) -> Iterator[Finding]:
    if s.git is None:
        yield not_applicable("not a git repository")
        return
    wanted = s.git.past(
        lambda path: (
            secrets.is_env_file(path)
            or secrets.is_secret_file(path, s.root)
            or _is_dockerfile(path)
            or path.endswith(".sh")
        )
    )
    told: set[str] = set()
    for past in sorted(wanted, key=lambda one: one.path):
        if s.git.tracked.get(past.path) == past.blob or past.path in told or secrets.is_example(past.path):
            continue
        text = (s.git.blob(past.blob) or b"").decode("utf-8", "replace")
        if _is_dockerfile(past.path) or past.path.endswith(".sh"):
            names = [one["name"] for one in CODED.finditer(text) if secrets.is_credential(one["name"], one["value"])]
        else:
            names = [name for name, _ in secrets.credentials_of_env(text, past.path)]
        plain = secrets.is_secret_file(past.path, s.root) and secrets.is_secret(text)
        if names or plain:
            told.add(past.path)
            what = ", ".join(names[:4]) or "a secret"
            yield advice(
                Place(past.path), f"commit {past.commit} has it with {what}",
                "change what was in it; a strict evaluator counts the history: hand in a repository without it",
            )  # fmt: skip


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
