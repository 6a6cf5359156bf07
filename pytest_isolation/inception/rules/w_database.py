"""W06: the database is not empty, and its root has a password; by the SQL that reaches it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_isolation.inception.files import daemons, sql
from pytest_isolation.inception.files.flow import Files
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, unclear
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.d_images import _texts

Texts = list[tuple[str, Place]]


@rule(
    "W06", Severity.END,
    asks="The database is not empty, and its root has a password.",
    look="docker exec CONTAINER mariadb -u root must be refused; show tables with the password",
    needs="mariadb",
)  # fmt: skip
def database(s: Submission) -> Iterator[Finding]:
    for image in s.role("mariadb"):
        files = s.held(image)
        known = _in_sight(image, files)
        texts = [*_fed(files), *([] if known else _everything(s, image))]
        whole = ";\n".join(text for text, _ in texts)
        hosts = {(match["host"] or "localhost").strip("'\"`") for match in ROOT.finditer(whole) if not _is_empty(match)}
        empty = next((at for text, at in texts for match in ROOT.finditer(text) if _is_empty(match)), None)
        fix = "ALTER USER 'root'@'localhost' IDENTIFIED BY '${…}';"
        told: set[str] = set()
        for text, at in texts:
            for match in BARE_ROOT.finditer(text):
                if (host := match["host"].strip("'\"`")) not in hosts | told:
                    told.add(host)
                    place = Place(at.file, max(at.line, 1) + text.count("\n", 0, match.start()))
                    yield fail(place, f"root@{host} is made, and gets no password", f"leave it out, or {fix}")
        if (by_set := _socket_stays(texts)) is not None:
            says = "SET PASSWORD leaves root's login by unix_socket as it is: mariadb -u root in its container logs in"
            yield advice(by_set, says, fix)
            continue
        if hosts - {"%"} or re.search(OTHERWISE, whole):
            yield from _at_every_host(image, files, hosts, whole)
            continue
        if hosts:
            yield fail(image.started_at, "root has a password from other containers ('%') alone: mariadb -u root in "
                       "its own logs in without one", fix)  # fmt: skip
        elif empty is not None:
            yield fail(empty, "root's password is empty", fix)
        elif not image.starts:
            yield unclear(image.started_at, "it starts no script that is here", "how root gets a password")
        elif known and not whole:
            yield fail(
                image.started_at, "nothing sets the database up: mariadb -u root logs in without a password", fix
            )
        elif known or (MADE.search(whole) and not _more_sql(image)):
            says = "the database is set up, and root gets no password: mariadb -u root logs in"
            yield fail(image.started_at, says, fix)
        else:
            yield unclear(image.started_at, "nothing seen gives root a password", "whether root has one")


OTHERWISE = r"mysqladmin.*\bpassword\b|mariadb-admin.*\bpassword\b|secure[-_]installation|mysql\.(global_priv|user)\b"
"""Other ways to give root a password."""
MADE = re.compile(r"\bCREATE\s+(OR\s+REPLACE\s+)?(USER|DATABASE|SCHEMA)\b", re.I)


def _fed(files: Files) -> Texts:
    """What the database is told: statements, and the words of its administrator's programs."""
    found = [one for each in sql.fed(files) for one in sql.statements(each.text or ())]
    for one in files.ran:
        if re.search(OTHERWISE, text := " ".join(one.words)):
            found.append((text, one.at))
    return found


def _in_sight(image: Image, files: Files) -> bool:
    """Whether all that is fed to the database is known."""
    if files.cut or not image.starts or _more_sql(image) or any(start.script.broken for start in image.starts):
        return False
    names = {one.name for one in files.ran if not one.building}
    if "$" in "".join(one.words[0] for one in files.ran) or not names & (sql.SERVERS | MANAGERS):
        return False
    return all(one.text is not None for one in sql.fed(files))


MANAGERS = frozenset({"service", "rc-service", "mariadb", "mysql"})


def _everything(s: Submission, image: Image) -> Texts:
    """Where something is fed that is not known: all that the image has may be it."""
    files = [path for path in set(image.copies.values()) if not path.endswith((".md", ".txt"))]
    return [*_texts(s, image), *((s.tree.lenient(path), Place(path)) for path in files)]


def _at_every_host(image: Image, files: Files, hosts: set[str], whole: str) -> Iterator[Finding]:
    """mariadb-install-db of the old way makes root four times, and gives none of them a password."""
    commands = [one for script in image.build_scripts for one in script.commands]
    commands += [one for start in image.starts for one in start.script.commands]
    old = next((one for one in commands if "--auth-root-authentication-method=normal" in one.words), None)
    missing = sorted({"127.0.0.1", "::1"} - hosts)
    if (
        old is None
        or not missing
        or re.search(r"DROP\s+USER|DELETE\s+FROM|secure[-_]installation|UPDATE\s+mysql", whole, re.I)
    ):
        return
    fix = f"DROP USER IF EXISTS 'root'@'{missing[0]}', or leave the option out"
    found = f"{old.name} {old.words[-1] if len(old.words) == 2 else '--auth-root-authentication-method=normal'}"
    says = f"{found} makes root@{', root@'.join(missing)} too, and they get no password"
    by_address = daemons.database(files.held, "skip_name_resolve") or re.search(r"skip[-_]name[-_]resolve", whole)
    yield (fail if by_address else advice)(old.at, says, fix)


ROOT = re.compile(
    r"(?:(?:ALTER|CREATE)\s+USER\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?|SET\s+PASSWORD\s+FOR\s+|\bTO\s+)['\"`]?root['\"`]?"
    r"(?:\s*@\s*(?P<host>['\"`]?[\w.%:${}-]+['\"`]?))?(?P<how>\s*(?:IDENTIFIED\b|=)[^;]*)"
    r"|SET\s+PASSWORD\s*(?P<own>=[^;]*)",
    re.I,
)
"""SQL that gives root a password, or says how root logs in."""


def _socket_stays(texts: list[tuple[str, Place]]) -> Place | None:
    """Where root@localhost has its password by SET PASSWORD alone, beside its login by unix_socket."""
    found = [(match, at) for text, at in texts for match in ROOT.finditer(text) if not _is_empty(match)]
    at_home = [(match, at) for match, at in found if (match["host"] or "localhost").strip("'\"`") == "localhost"]
    whole = "\n".join(text for text, _ in texts)
    other = r"authentication-method=normal|DROP\s+USER|DELETE\s+FROM|UPDATE\s+mysql|mysqladmin|secure[-_]installation"
    if not at_home or not all(match[0].upper().startswith("SET") for match, _ in at_home):
        return None
    return None if re.search(other, whole, re.I) else at_home[0][1]


BARE_ROOT = re.compile(
    r"CREATE\s+USER\s+(?:IF\s+NOT\s+EXISTS\s+)?['\"`]?root['\"`]?\s*@\s*"
    r"(?P<host>['\"`]?[\w.%:-]+['\"`]?)\s*(?:;|$)",
    re.I,
)


def _is_empty(match: re.Match[str]) -> bool:
    how = match["how"] or match["own"]
    by_socket = re.search(r"\bunix_socket\b", how, re.I) and not re.search(r"\bOR\b|\bPASSWORD\b|native", how, re.I)
    return bool(by_socket or re.search(r"(BY|=|USING|PASSWORD)\s*\(?\s*(''|\"\")", how, re.I))


def _more_sql(image: Image) -> bool:
    """Whether its scripts feed the server SQL that is not in sight."""
    for start in image.starts:
        if start.script.cut or start.script.broken:
            return True
        for command in start.script.runtime():
            if command.name in ("curl", "wget", "python3", "php", "eval"):
                return True
    return False
