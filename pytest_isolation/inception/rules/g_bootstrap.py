"""G06: SQL that is fed to MariaDB's --bootstrap, which does not read the tables of users by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_isolation.inception.finding import Finding, Severity, fail
from pytest_isolation.inception.follow import Start
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.script import Command, Script

OF_USERS = re.compile(r"^[^\S\n]*(CREATE\s+USER|ALTER\s+USER|DROP\s+USER|GRANT\s|REVOKE\s|SET\s+PASSWORD)", re.I | re.M)
PRIVILEGES = (
    "ERROR: 1290  The MariaDB server is running with the --skip-grant-tables option so it cannot execute this statement"
)
FLUSH = re.compile(r"^[^\S\n]*FLUSH\s+PRIVILEGES", re.I | re.M)


@rule(
    "G06", Severity.END,
    asks="SQL that is fed to --bootstrap reads the tables of users before it changes them.",
    look="docker compose logs mariadb",
    needs="compose",
)  # fmt: skip
def flushes_in_bootstrap(s: Submission) -> Iterator[Finding]:
    for image in s.role("mariadb"):
        for start in image.starts:
            boots = [one for one in start.script.commands if any("--bootstrap" in word for word in one.words)]
            yield from _from_files(s, image, start)
            for body, at in _printed(start.script):
                yield from _unflushed(body, at)
            for target, body, at in start.script.heredocs:
                if target or not any(one.at.line < at.line <= one.at.line + 3 for one in boots):
                    continue
                nearest = max((one.at.line for one in start.script.commands if one.at.line < at.line), default=0)
                if nearest not in {one.at.line for one in boots}:
                    continue
                changed = OF_USERS.search(body)
                if changed and not FLUSH.search(body[: changed.start()]):
                    line = at.line + body.count("\n", 0, changed.start(1))
                    yield fail(Place(at.file, line), PRIVILEGES,
                               "FLUSH PRIVILEGES; as the first statement")  # fmt: skip


def _unflushed(body: str, at: Place) -> Iterator[Finding]:
    changed = OF_USERS.search(body)
    if changed and not FLUSH.search(body[: changed.start()]):
        yield fail(at, PRIVILEGES, "FLUSH PRIVILEGES; as the first statement")


def _printed(script: Script) -> Iterator[tuple[str, Place]]:
    """(SQL, place of its first line) that `echo` and `printf` pipe into --bootstrap, also from within `{ }`."""
    commands = script.commands
    for number, command in enumerate(commands):
        if command.fed and "--bootstrap" in command.words:
            yield command.fed, command.at
        if not command.piped_into or "--bootstrap" not in command.words:
            continue
        said: list[Command] = []
        for one in reversed(commands[:number]):
            if one.name in ("echo", "printf") and not one.into:
                said.insert(0, one)
            elif one.name != "cat" or one.piped_into:  # $(cat /run/secrets/…) of what is printed
                break
        if said:
            yield "\n".join(one.printed.replace("\\n", "\n") for one in said), said[0].at


def _from_files(s: Submission, image: Image, start: Start) -> Iterator[Finding]:
    """SQL in a file: written by a here-document, or copied into the image."""
    text = "\n".join(s.tree.lenient(file) for file in start.files)
    fed = set(re.findall(r"--bootstrap[^\n;|&]*<[ \t]*[\"']?([^\s<\"';|&]+)", text))
    fed |= set(re.findall(r"\bcat[ \t]+[\"']?([^\s\"'|]+)[\"']?[ \t]*\|[^\n;&]*--bootstrap", text))
    written = [(body, at) for target, body, at in start.script.heredocs if target.strip("'\"") in fed]
    for name in sorted(fed):
        said = [one for one in start.script.commands if one.into == name and one.name in ("echo", "printf")]
        if said and name not in {target.strip("'\"") for target, _, _ in start.script.heredocs}:
            yield from _unflushed("\n".join(one.printed.replace("\\n", "\n") for one in said), said[0].at)
    written += [
        (s.tree.lenient(image.copies[path]), Place(image.copies[path], 1)) for path in sorted(fed & image.copies.keys())
    ]
    for body, at in written:
        changed = OF_USERS.search(body)
        if changed and not FLUSH.search(body[: changed.start()]):
            line = at.line + body.count("\n", 0, changed.start(1))
            yield fail(Place(at.file, line), PRIVILEGES, "FLUSH PRIVILEGES; as the first statement")
