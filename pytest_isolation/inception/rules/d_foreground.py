"""D10: the daemon stays in the foreground, by what it is started with or by what its files say."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from itertools import pairwise

from pytest_isolation.inception.files import daemons
from pytest_isolation.inception.files.flow import Files, Ran
from pytest_isolation.inception.finding import Finding, Severity, fail, unclear
from pytest_isolation.inception.follow import files_of
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.script import Command

DATABASES = frozenset({"mariadbd", "mysqld", "mysqld_safe", "mariadbd-safe"})
NO_START = frozenset({"-t", "-T", "-v", "-V", "-s", "-h", "-m", "-i", "--test", "--version", "--help"})
"""Options with which NGINX and php-fpm do something else, and end."""
FIX = {"nginx": 'nginx -g "daemon off;"', "wordpress": "php-fpm -F"}


@rule(
    "D10", Severity.END,
    asks="The daemon runs in the foreground.",
    look="docker top CONTAINER; docker compose ps",
    needs="compose",
)  # fmt: skip
def in_foreground(s: Submission) -> Iterator[Finding]:
    for role in FIX:
        for image in s.role(role):
            if image.broken_json is not None:
                continue  # that is D05's
            yield from _foreground(image, s.held(image), role)
    for image in s.role("mariadb"):
        yield from _database(image)


def _foreground(image: Image, files: Files, role: str) -> Iterator[Finding]:
    name = image.service.name
    for one in files.started("supervisord"):
        told = daemons.supervisor(files.held, one.words)
        if not told.stays and told.certain:
            yield fail(one.at, f"{name}: supervisord goes to the background", "supervisord -n")
            return
    calls = [one for one in files.ran if not one.building and _is_daemon(one, role)]
    if any(_stays(one, files, role) for one in calls):
        return
    if not calls and not image.starts and any(files_of(image, word) for word in image.argv):
        yield unclear(image.started_at, f"{name}: {image.argv[0]} is no script of a shell", f"how it starts {role}")
        return
    if files.cut or any(_is_open(one) for one in (calls or files.ran) if not one.building):
        if not re.search(OPEN[role], " ".join(word for one in files.ran for word in one.words)):
            yield unclear(image.started_at, f"{name}: what it starts is in a variable", f"how it starts {role}")
        return
    at = calls[-1].at if calls else image.started_at
    yield fail(at, f"{name}: nothing keeps {role} in the foreground", FIX[role])


OPEN = {"nginx": r"daemon\s+off", "wordpress": r"\s-\w*F\b|--nodaemonize"}


def _is_open(one: Ran) -> bool:
    """Whether the program, or what it is told, is not known."""
    first, *rest = one.words
    said = any("$" in word or "`" in word for word in rest)
    return first.startswith(("$", "`")) or (said and re.search("nginx|fpm", first) is not None)


def _is_daemon(one: Ran, role: str) -> bool:
    if NO_START & set(one.words[1:]):
        return False
    return one.name == "nginx" if role == "nginx" else re.fullmatch(r"php.*fpm.*", one.name) is not None


def _stays(one: Ran, files: Files, role: str) -> bool:
    if role == "wordpress":
        if any(re.fullmatch(r"-[a-zA-Z]*F[a-zA-Z]*|--nodaemonize", word) for word in one.words[1:]):
            return True
        said = daemons.fpm(files.held, "daemonize")
        return said is not None and said.value.lower() in ("no", "off", "0", "false")
    if any(re.search(r"daemon\s+off", word) for word in one.words[1:]):
        return True
    asked = next((after for word, after in pairwise(one.words) if word == "-c"), "nginx.conf")
    main = posixpath.normpath(posixpath.join("/etc/nginx", asked))
    said_by = [held.text for path, held in files.held.items() if path == main or OF_MAIN.fullmatch(path)]
    return any(re.search(r"^[^#\n]*(?<![\w$-])daemon[ \t]+off[ \t]*;", text, re.M) for text in said_by)


OF_MAIN = re.compile(r"/etc/nginx/(modules-enabled|modules|conf\.d)/[^/]+\.conf")
"""What the packages' main configurations include outside http { }."""


def _database(image: Image) -> Iterator[Finding]:
    ran = [command for start in image.starts for command in start.script.runtime()]
    own = {posixpath.basename(word) for word in image.argv}
    if DATABASES & (own | {one.name for one in ran if "--bootstrap" not in one.words}) or not image.starts:
        return
    if (managed := next(_managed(image), None)) is not None:
        yield fail(managed.at, f"{image.service.name}: {managed} starts it in the background, and nothing else "
                   "starts it", "start mariadbd itself: exec mariadbd --user=mysql")  # fmt: skip
    elif not DATABASES & {one.name for one in ran}:
        yield unclear(image.started_at, f"{image.service.name}: no mariadbd in what it starts", "what its scripts run")


def _managed(image: Image) -> Iterator[Command]:
    """Commands by which the system's service manager starts the database."""
    for start in image.starts:
        for command in start.script.runtime():
            words = command.real
            by_path = bool(words) and words[0].startswith("/etc/init.d/")
            named = {posixpath.basename(word) for word in words}
            manages = by_path or command.name in ("service", "rc-service", "systemctl")
            if manages and {"start", "restart"} & named and {"mariadb", "mysql", "mysqld"} & named:
                yield command
