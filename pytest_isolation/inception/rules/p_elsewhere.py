"""P: credentials outside the files that are meant for them: in scripts, settings, code, documents and the past."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from pytest_isolation.inception import makefile, passwords, secrets, shell
from pytest_isolation.inception.compose_service import Service
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, not_applicable
from pytest_isolation.inception.follow import SHELLS
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.place import Place, Text
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.c_compose import host_commands
from pytest_isolation.inception.rules.p_credentials import (
    IDENTIFIED,
    env_paths,
    given,
    in_script,
    line_of,
    secret_paths,
)
from pytest_isolation.inception.script import Command
from pytest_isolation.inception.yaml import Map, Seq

SALT = re.compile(r"^[ \t]*define\(\s*['\"](\w*(?:KEY|SALT|PASSWORD))['\"]\s*,\s*'([^']+)'", re.M)
ASSIGNED = re.compile(
    r"""(?<![\w$])["']?\$?(?P<name>[A-Za-z_]\w*)["']?\s*(?:=>|=|:|,)\s*(?P<quote>["'])(?P<value>[^"'\n\s]{6,200})(?P=quote)"""
)
"""NAME = "VALUE", "NAME": "VALUE", 'NAME' => 'VALUE', define('NAME', 'VALUE')."""
IN_PROSE = re.compile(
    r"(?:\b(?-i:(?P<name>[A-Z][A-Z0-9_]{2,40}))=|\b(?:password|passwd|mot de passe|mdp)\b[*`\s]*(?:is|est|:|=)[*`\s]*)"
    r"[`'\"]?(?P<value>[^\s`'\"|<>]{6,100})",
    re.I,
)
SET_OFF = re.compile(
    r"\b(?:password|passwd|passphrase|mot de passe|mdp)\b[ \t*_)]{1,4}(?:\([^()\n]{0,40}\)[ \t]?)?(?P<mark>`|\*\*|\")"
    r"(?P<value>[^\s`*\"]{7,40})(?P=mark)",
    re.I,
)
"""Password `VALUE`, without a colon: only what nobody writes but as a password."""
STRONG = re.compile(r"(?=.*[A-Za-z])(?=.*[\d!@#%^&*?+])(?!.*[/$(){}<>\[\]]).{6,}")
"""Letters with digits or signs, and no path, call or reference."""
DOCUMENTS, CODE = (".md", ".txt", ".rst"), (".py", ".js", ".ts", ".php", ".json")
SETTINGS = (".yml", ".yaml", ".toml", ".ini", ".cnf", ".conf", ".cfg", ".properties", ".json", ".netrc")
HISTORIES = ("_history", ".history")
"""What shells and clients keep of what was typed."""
NO_TEXT = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico", ".pdf", ".zip", ".gz", ".woff", ".woff2")
MAX_CODE = 64_000
"""Characters: a longer file is somebody else's program that was copied in."""
CODED = re.compile(
    r"^[ \t]*(?:(?:ENV|ARG|export|local|readonly)[ \t]+)?(?P<name>[A-Za-z_]\w*)[= ](?P<value>\S{1,200})", re.M
)
OF_CRON = re.compile(
    r"[ \t]*(?![#\s])(?:@\w+|(?:[\d*][\d*,/-]*[ \t]+){4}[\w*,/-]+)[ \t]+(?:(?:root|mysql|www-data|nobody)[ \t]+)?"
    r"(?P<command>.+)"
)
"""A line of a crontab: when, whose, and the command."""
PASTES = re.compile(
    r"https?://(?:www\.)?(gist\.github(?:usercontent)?\.com|pastebin\.com|paste\.[\w.]+|hastebin\.com|rentry\.co)\S*"
)
SETTING = re.compile(
    r"""^[ \t\-{,"']*(?P<name>[A-Za-z_][\w.-]*)["']?(?:[ \t]*[:=][ \t]*|(?<=requirepass)[ \t]+|(?<=password)[ \t]+)"""
    r"""(?P<quote>["']?)(?P<value>[^\s"'#,;{}\[\]]{3,200})(?P=quote)[ \t]*[,;}]?[ \t]*(?:#.*)?$""",
    re.M,
)
"""A line of YAML, INI, TOML, JSON, of redis.conf or .netrc."""
MEANT = re.compile(r"(pass(word|wd|phrase)?|requirepass|pwd|psw|pswd|mdp|secret|token|api_?key|credential)s?$", re.I)
PASSWORD = re.compile(r"(^|[._-])(pass(word|wd)?|requirepass|mdp|pwd)$", re.I)
VARIABLE = re.compile(
    r"^ *(?:(?:export|override)\s+)*(?P<name>[\w.-]+)\s*[:?+]{0,3}=[ \t]*(?P<value>[^\s#]{3,200})[ \t]*(?:#.*)?$", re.M
)
"""A variable of a Makefile that is one word."""
OF_CLIENT = re.compile(r"\b(?:mysql|mariadb)(?:-?\w+)?\b[^\n`|]*?\s-p(?P<value>[^\s`'\"<$\[]{6,100})")
HASHED = re.compile(r"^[\w.@-]+:(?:\$(?:apr1|1|5|6|y|2[aby])\$|\{SHA\})[\w./$+=]{8,}", re.M)
"""A line of .htpasswd, or of /etc/shadow."""
KEPT_BESIDE = re.compile(r"(\.(bak|old|orig|save|backup|copy)|~)+$", re.I)
"""What a copy of a file is called: it is of the same kind."""
SAYS_SO = re.compile(r"credential|passw|mot.?de.?passe|mdp|identifiant|login", re.I)
"""In a document's name, or the head of a column."""
MADE_UP = re.compile(r"(?<![\w./:@-])(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[^\s/.:@|`*<>(){}\[\]'\",]{7,40}(?![\w./:@-])")
"""A word that nobody writes but as a password: small letters, capitals and digits."""
TOKENS = re.compile(
    r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40,}|glpat-[\w-]{20}|AKIA[0-9A-Z]{16}|xox[bpars]-[\w-]{20,}"
    r"|sk_live_\w{20,})\b"
)
"""What services give out: nobody makes such a word up."""


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
                if value is not None and secrets.is_credential(key, value) and _is_written(s, value):
                    yield fail(value.at, f"{name}: {key}: {secrets.shown(value)}", fix)
            for command in _of_compose(service):
                yield from given(command, fix)
        for path in s.compose.files:
            yield from _defaults(path, s.content(path), fix)
    skipped = {*secret_paths(s), *env_paths(s), *(s.compose.files if s.compose is not None else ())}
    shells = {file for image in s.images.values() for start in image.starts for file in start.files}
    by_cron = {
        file for image in s.images.values() for at, file in image.copies.items()
        if at.startswith(("/etc/cron", "/var/spool/cron"))
    }  # fmt: skip
    for path in s.published():
        size = s.tree.files.get(path, 0)
        if size > 1 << 20 or _is_dockerfile(path) or path.lower().endswith(NO_TEXT):
            continue
        text = s.content(path)
        for match in TOKENS.finditer(text):
            yield fail(Place(path, line_of(text, match.start())), f"a token: {secrets.shown(match[0])}", fix)
        if path in skipped:
            continue  # P02's and P03's, and the compose file
        if path.lower().endswith(DOCUMENTS):
            yield from _in_document(path, text, fix)
        elif posixpath.basename(path) in makefile.NAMES or path.endswith(".mk"):
            yield from _in_makefile(path, text, fix)
        elif path.endswith(HISTORIES):
            typed = re.sub(r"(?m)^: \d+:\d+;", "", text)  # zsh writes down when
            yield from in_script(shell.parse(typed, path), f"git rm --cached {path}, and change the password")
        elif "cron" in posixpath.basename(path).lower() or path in by_cron:
            lines = "\n".join(said["command"] if (said := OF_CRON.match(line)) else "" for line in text.split("\n"))
            yield from in_script(shell.parse(lines, path), fix)
            yield from _in_file(path, text, fix, is_script=False)
        else:
            yield from _in_file(path, text, fix, is_script=path in shells)
    for _, script in s.host_scripts:
        for command in script.commands:
            for inner in script.commands if command.into else ():
                if inner.function == command.words[0] and not inner.into:
                    yield from _written(s, replace(inner, into=command.into), fix)
        for target, body, at in script.heredocs:
            for name, place in secrets.credentials_of_env(body, at.file) if secrets.is_env_file(target) else ():
                yield fail(Place(at.file, at.line + place.line - 1), f"{target} gets {name}", fix)
    for line in s.makefile.lines() if s.makefile is not None else ():
        yield from in_script(shell.parse(str(line), line.at.file, line.at.line), fix)
    for line in s.makefile.shells if s.makefile is not None else ():
        if (paste := PASTES.search(line)) and re.search(r"\b(curl|wget)\b", line):
            yield fail(line.at, f"fetches {paste[0][:80]}", "keep the file on the machine; nothing public")
    for command in host_commands(s):
        yield from _written(s, command, fix)
        for word in command.words:
            if (paste := PASTES.search(word)) and command.name in ("curl", "wget"):
                yield fail(command.at, f"fetches {paste[0][:80]}", "keep the file on the machine; nothing public")


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


def _is_written(s: Submission, value: Text) -> bool:
    """Whether it stands in the file, and is not what a variable of the .env gives."""
    assert s.compose is not None
    if value not in s.compose.variables.values():
        return True
    lines = s.content(value.at.file).split("\n")
    return 0 < value.at.line <= len(lines) and value in lines[value.at.line - 1]


def _defaults(path: str, text: str, fix: str) -> Iterator[Finding]:
    for name, value, line in passwords.defaults(text):
        yield fail(Place(path, line), f"{name} is {secrets.shown(value)} unless it is set", fix)


def _in_makefile(path: str, text: str, fix: str) -> Iterator[Finding]:
    for match in VARIABLE.finditer(text):
        name, value = match["name"], match["value"]
        if secrets.is_credential(name, value) and "/" not in value and not re.search(r"\.\w{2,4}$", value):
            yield fail(Place(path, line_of(text, match.start("name"))), f"{name} = {secrets.shown(value)}", fix)


def _in_document(path: str, text: str, fix: str) -> Iterator[Finding]:
    """A document shows what to write, so that only what nobody would make up for an example is a credential."""
    for match in IN_PROSE.finditer(text):
        name, value = match["name"] or "password", match["value"].rstrip(".,;:)`*\"'")
        if secrets.is_credential(name, value, example=True) and STRONG.search(value):
            yield fail(Place(path, line_of(text, match.start("value"))), f"{name}: {secrets.shown(value)}", fix)
    for match in SET_OFF.finditer(text):
        if secrets.is_literal(match["value"], example=True) and MADE_UP.fullmatch(match["value"]):
            yield fail(
                Place(path, line_of(text, match.start("value"))), f"a password: {secrets.shown(match['value'])}", fix
            )
    if SAYS_SO.search(posixpath.basename(path)):
        for match in MADE_UP.finditer(text):
            yield fail(Place(path, line_of(text, match.start())), f"a password: {secrets.shown(match[0])}", fix)
    for number, cell in _columns(text):
        if secrets.is_literal(cell, example=True) and STRONG.search(cell):
            yield fail(Place(path, number), f"a password: {secrets.shown(cell)}", fix)
    for match in OF_CLIENT.finditer(text):
        if secrets.is_literal(match["value"], example=True) and STRONG.search(match["value"]):
            yield fail(
                Place(path, line_of(text, match.start("value"))),
                f"mysql gets its password in the open: {secrets.shown(match['value'])}",
                fix,
            )


def _columns(text: str) -> Iterator[tuple[int, str]]:
    """(line, cell) below the heads of a table that say password."""
    wanted: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        cells = [one.strip(" `*") for one in line.strip().strip("|").split("|")] if "|" in line else []
        if not cells:
            wanted = []
        elif not wanted:
            wanted = [
                at for at, cell in enumerate(cells) if re.fullmatch(r"pass(word|wd)|mot de passe|mdp", cell, re.I)
            ]
        else:
            yield from ((number, cells[at]) for at in wanted if at < len(cells) and " " not in cells[at])


def _in_settings(path: str, text: str, fix: str) -> Iterator[Finding]:
    for name, value, line in _settings(path, text):
        yield fail(Place(path, line), f"{name} is {secrets.shown(value)}", fix)


def _settings(path: str, text: str) -> Iterator[tuple[str, str, int]]:
    """A line NAME: VALUE or NAME = VALUE; what is called password is one, of others what looks like a secret."""
    for match in SETTING.finditer(text):
        name, value = match["name"], match["value"]
        if not MEANT.search(name) or not secrets.is_credential(name, value, example=secrets.is_example(path)):
            continue
        if STRONG.search(value) or (PASSWORD.search(name) and re.fullmatch(r"\w{4,}", value)):
            yield name, value, line_of(text, match.start("name"))


def _in_code(path: str, text: str, fix: str) -> Iterator[Finding]:
    """A quoted text that is given to a name in Python, JavaScript or PHP."""
    for match in ASSIGNED.finditer(text):
        name, value = match["name"], match["value"]
        # What a form shows beside its field is a word or a sentence.
        if secrets.is_credential(name, value, example=True) and STRONG.search(value):
            yield fail(Place(path, line_of(text, match.start())), f"{name} is {secrets.shown(value)}", fix)


SQL = re.compile(r"\.(sql|dump)(\.|$)", re.I)
TEMPLATE = re.compile(r"\.(sh|bash|template|tmpl|tpl|in|j2|dist)$", re.I)
"""What a script fills in, and hands to a server."""


def _in_file(path: str, text: str, fix: str, *, is_script: bool) -> Iterator[Finding]:
    name = KEPT_BESIDE.sub("", posixpath.basename(path))
    for match in HASHED.finditer(text):
        yield fail(Place(path, line_of(text, match.start())), "a password's hash", fix)
        break
    if SQL.search(name):
        for match in secrets.PASSWORD_HASH.finditer(text):
            yield fail(Place(path, line_of(text, match.start())), "a password's hash", fix)
            break
    if SQL.search(name) or TEMPLATE.search(name) or "." not in name or text.startswith("#!"):
        for match in IDENTIFIED.finditer(text):
            if secrets.is_literal(match[2]):
                yield fail(Place(path, line_of(text, match.start())), f"IDENTIFIED BY {secrets.shown(match[2])}", fix)
    if name.endswith(".php") or name.startswith("wp-config") or is_script or text.startswith("#!"):
        plain = re.sub(r"/\*.*?\*/", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
        for match in SALT.finditer(plain):
            named = secrets.NOT_A_VALUE.search(match[1]) is None
            if named and secrets.is_literal(match[2]) and "unique phrase" not in match[2] and match[2][:2] != "__":
                yield fail(Place(path, line_of(plain, match.start())), f"{match[1]} is {secrets.shown(match[2])}", fix)
    if name.endswith(CODE) and len(text) <= MAX_CODE:
        yield from _in_code(path, text, fix)
    if name.endswith(SETTINGS) or name in (".my.cnf", ".netrc", ".pgpass"):
        yield from _in_settings(path, text, fix)
    if name.endswith(".sh") or text.startswith("#!") or is_script:
        yield from in_script(shell.parse(text, path), fix)
        yield from _defaults(path, text, fix)


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
            or path.lower().endswith(KEPT)
            or posixpath.basename(path) in (*makefile.NAMES, *KEYS)
        )
    )
    told: set[str] = set()
    for past in sorted(wanted, key=lambda one: one.path):
        if s.git.tracked.get(past.path) == past.blob or past.path in told or secrets.is_example(past.path):
            continue
        text = (s.git.blob(past.blob) or b"").decode("utf-8", "replace")
        names = _of_past(past.path, text)
        plain = secrets.is_secret_file(past.path, s.root) and secrets.is_secret(text)
        if names or plain:
            told.add(past.path)
            what = ", ".join(names[:4]) or "a secret"
            yield advice(
                Place(past.path), f"commit {past.commit} has it with {what}",
                "change what was in it; a strict evaluator counts the history: hand in a repository without it",
            )  # fmt: skip


KEYS = ("id_rsa", "id_ed25519", "id_ecdsa")
KEPT = (".sh", ".sql", ".pem", ".key", *CODE, *SETTINGS, *HISTORIES)
"""Kinds of files whose past versions are read."""


def _of_past(path: str, text: str) -> list[str]:
    """What a version of a file had, by name."""
    name = posixpath.basename(path)
    if secrets.PRIVATE_KEY.search(text):
        return ["a private key"]
    if _is_dockerfile(path) or path.endswith(".sh"):
        return [one["name"] for one in CODED.finditer(text) if secrets.is_credential(one["name"], one["value"])]
    if name in makefile.NAMES:
        return [one.found for one in _in_makefile(path, text, "")]
    if path.lower().endswith((*CODE, *SETTINGS)):
        coded = _in_code(path, text, "") if len(text) <= MAX_CODE else ()
        return [name for name, _, _ in _settings(path, text)] or [one.found for one in coded]
    if path.endswith(HISTORIES):
        return [one.found for one in in_script(shell.parse(text, path), "")]
    if SQL.search(name):
        return [
            f"IDENTIFIED BY {secrets.shown(one[2])}" for one in IDENTIFIED.finditer(text) if secrets.is_literal(one[2])
        ]
    return [name for name, _ in secrets.credentials_of_env(text, path)]
