"""G: the container will not start, because something that its daemon or its script needs is not there yet.

The words are those of Debian's packages (MariaDB 10.11, PHP 8.2, dash, bash), as these programs printed them.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_isolation.inception.files import daemons
from pytest_isolation.inception.finding import Finding, Severity, advice, fail
from pytest_isolation.inception.follow import Start
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.place import Place
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.g_start import _build_commands, _family, _opaque, _text
from pytest_isolation.inception.script import Command, Script
from pytest_isolation.inception.variables import read_env
from pytest_isolation.inception.yaml import Map

USERS = frozenset({
    "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "www-data", "backup",
    "list", "irc", "_apt", "nobody",
})  # fmt: skip
"""Of Debian's base image."""
DAEMONS = frozenset({"mysqld", "mariadbd"})
MANAGERS = frozenset({"service", "rc-service", "openrc", "openrc-run", "supervisord", "systemctl"})
"""They make what a daemon needs, or hide how it is started."""
INSTALLERS = frozenset({"mysql_install_db", "mariadb-install-db"})
WAITS = frozenset({"sleep", "nc", "wait-for-it.sh", "wait-for-it", "wait-for", "dockerize", "timeout", "wait_for_db"})
OF_SHELL = frozenset({
    "HOME", "PATH", "PWD", "OLDPWD", "USER", "HOSTNAME", "IFS", "PPID", "OPTARG", "OPTIND", "RANDOM", "UID", "EUID",
    "SHLVL", "BASH", "BASH_SOURCE", "BASH_VERSION", "FUNCNAME", "LINENO", "REPLY", "SECONDS", "SHELL", "TERM",
    "PIPESTATUS", "LOGNAME", "LANG", "OSTYPE", "HOSTTYPE", "PS1", "PS4", "GROUPS", "BASHPID", "BASH_REMATCH",
    "EPOCHSECONDS", "EPOCHREALTIME",
})  # fmt: skip


def _started(image: Image) -> list[Command]:
    """What runs when the container starts: its words, and the commands of its scripts."""
    own = Command(tuple(image.argv), image.started_at)
    return [own, *(one for start in image.starts for one in start.script.calls())]


def _is_clear(s: Submission, image: Image) -> bool:
    """Whether all that may prepare the container is in sight."""
    scripts = [*image.build_scripts, *(start.script for start in image.starts)]
    return not any(one.cut for one in scripts) and not s.held(image).unseen


def _makes(command: Command, path: str) -> bool:
    """Whether a command may make this directory."""
    if command.name not in ("mkdir", "install", "cp", "mv", "ln", "tar", "unzip"):
        return False
    text = str(command)
    return path in text or f"/var{path}" in text or any("$" in word or "`" in word for word in command.words[1:])


@rule(
    "G15", Severity.END,
    asks="The directory of a daemon's socket and pid is there, and is the daemon's.",
    look="docker compose logs",
    needs="compose",
)  # fmt: skip
def run_directories(s: Submission) -> Iterator[Finding]:
    for role, path in (("mariadb", "/run/mysqld"), ("wordpress", "/run/php")):
        for image in s.role(role):
            family = _family(image)
            if (
                family not in ("debian", "alpine")
                or not _is_clear(s, image)
                or (role == "wordpress" and family != "debian")
            ):
                continue
            yield from _without_directory(s, image, path, role)


def _without_directory(s: Submission, image: Image, path: str, role: str) -> Iterator[Finding]:
    started = _started(image)
    build = _build_commands(image)
    every = [*build, *started]
    text = _text(s, image)
    name = image.service.name
    if any(one.name in MANAGERS or one.name.endswith("_safe") or one.name.endswith("d-safe") for one in every):
        return
    if any(one.name in ("eval", "ansible", "python3") or one.words[:1] == ("/etc/init.d/mariadb",) for one in every):
        return
    if any(re.search(r"/etc/init\.d/", str(one)) for one in every) or _opaque(s, image):
        return
    if image.workdir.startswith(path) or any(at.startswith(path) for at in image.copies):
        return
    if any(one.target.startswith(("/run", "/var/run")) for one in image.service.mounts) or "tmpfs" in image.service.raw:
        return
    if any(one.text.strip('[]" ').startswith(path) for stage in image.stages for one in stage.every("VOLUME")):
        return
    makers = [one for one in every if _makes(one, path)]
    if role == "wordpress":
        elsewhere = re.search(r"^[^\S\n]*pid\s*=\s*(?!/run/php/)\S|--pid|-g\s+/|--fpm-config|-y\s+/", text, re.M)
        ours = any("fpm" in package for package in image.packages) and re.search(r"fpm", text)
        if not makers and not elsewhere and ours:
            says = "ERROR: Unable to create the PID file (/run/php/phpX.Y-fpm.pid).: No such file or directory (2)"
            yield fail(image.started_at, f"{name}: {says}: nothing makes /run/php", "RUN mkdir -p /run/php")
        return
    daemons = [one for one in started if one.name in DAEMONS and "--bootstrap" not in one.words]
    at_exec = image.command and image.command[0].rpartition("/")[2] in DAEMONS
    if not daemons and not at_exec:
        return
    if re.search(r"\bsocket\s*=\s*(?!/(?:var/)?run/mysqld/)\S", text) or "--socket" in " ".join(image.argv):
        return
    if not makers:
        kind = fail if _family(image) == "debian" else advice
        says = "[ERROR] Can't start server : Bind on unix socket: No such file or directory: nothing makes /run/mysqld"
        yield kind(image.started_at, f"{name}: {says}", "RUN mkdir -p /run/mysqld && chown mysql:mysql /run/mysqld")
        return
    owned = [
        one for one in every
        if one.name in ("chown", "chmod", "chgrp")
        and (path in str(one) or re.search(r"/run(?![/\w])|\$|/run/\*", str(one)))
    ]  # fmt: skip
    by_install = any(one.name == "install" or "$" in str(one) for one in makers)
    if not owned and not by_install and not _as_another(image):
        says = "[ERROR] Can't start server : Bind on unix socket: Permission denied: /run/mysqld is root's"
        yield fail(makers[0].at, f"{name}: {says}", "chown mysql:mysql /run/mysqld")


SWITCHERS = frozenset({"gosu", "su-exec", "setpriv", "runuser", "su", "sudo", "chroot", "s6-setuidgid"})


def _begins_again(start: Start) -> bool:
    """Whether a script replaces itself by itself as another user: `exec gosu mysql "$0" "$@"`."""
    itself = re.compile(r"\$(0|\{0\}|BASH_SOURCE|\{BASH_SOURCE(\[0\])?\})(?!\w)")
    own = posixpath.basename(start.path or "")
    for one in start.script.commands:
        if one.is_exec and len(one.words) > 2 and posixpath.basename(one.words[1]) in SWITCHERS:
            for word in one.words[2:]:
                if itself.search(word) or (own and own == posixpath.basename(word)):
                    return True
    return False


def _as_another(image: Image) -> bool:
    """Whether the container's processes are not root's from the beginning."""
    users = [one.text.strip() for stage in image.stages for one in stage.every("USER")]
    user = str(image.service.text("user") or (users[-1] if users else "root"))
    return user.partition(":")[0] not in ("root", "0")


@rule(
    "G16", Severity.END,
    asks="Every variable that a start script needs is given to its service.",
    look="docker compose logs",
    needs="compose",
)  # fmt: skip
def variables_are_given(s: Submission) -> Iterator[Finding]:
    for image in s.images.values():
        given = _given(s, image)
        if given is None or not image.starts:
            continue
        for start in image.starts:
            own = {*given, *(name for one in image.starts for name in _set_by(one))}
            strict = _is_strict(start.script)
            for name, at in _read_plainly(start):
                if name in own or name in OF_SHELL or name.startswith(("BASH_", "LC_")):
                    continue
                if strict:
                    says = f"{image.service.name}: {name}: parameter not set: set -u is on, and nothing gives it"
                    yield fail(at, says, f"environment: {name}, or a line in the env file")
                elif _is_database(start, name):
                    says = f"{image.service.name}: ERROR: 1102  Incorrect database name '': nothing gives {name}"
                    yield fail(at, says, f"environment: {name}, or a line in the env file")


def _given(s: Submission, image: Image) -> set[str] | None:
    """Names of what the service is given; None where an env file is not here."""
    names = set(image.service.environment)
    for stage in image.stages:
        names |= {name for one in stage.every("ENV") for name, _ in one.pairs}
    for written in image.service.env_files:
        path = s.tree.find(posixpath.join(image.service.base, written))
        if path is None or "$" in written:
            return None
        names |= set(read_env(s.tree.lenient(path), path))
    return names


def _set_by(start: Start) -> set[str]:
    """Names that a script sets in any way."""
    found = set(start.script.assignments)
    for one in start.script.commands:
        words = one.words
        if words[:1] and words[0] in (
            "read",
            "export",
            "local",
            "declare",
            "readonly",
            "getopts",
            "printf",
            "mapfile",
            "typeset",
        ):
            found |= {word.partition("=")[0] for word in words[1:]}
        if one.name in (".", "source", "eval") and not any(word.endswith(".sh") for word in words):
            found |= {"*"}
        found |= {word.partition("=")[0] for word in one.prefix}
    return found


def _is_strict(script: Script) -> bool:
    return any(
        one.words[:1] == ("set",)
        and any(re.fullmatch(r"-[a-z]*u[a-z]*", word) or word == "nounset" for word in one.words[1:])
        for one in script.commands
    )


def _read_plainly(start: Start) -> Iterator[tuple[str, Place]]:
    """`$NAME` and `${NAME}` that have no other value anywhere; each name once."""
    if start.script.cut or start.script.broken or "*" in _set_by(start):
        return
    seen = {name for name, plain, _ in start.script.reads if not plain}
    for name, _, at in start.script.reads:
        if name not in seen and not name.isdigit():
            seen.add(name)
            yield name, at


def _is_database(start: Start, name: str) -> bool:
    bodies = [body for _, body, _ in start.script.heredocs] + [str(one) for one in start.script.commands]
    made = re.compile(rf"CREATE\s+DATABASE\s+(?:IF\s+NOT\s+EXISTS\s+)?\\?`?\$\{{?{re.escape(name)}\}}?\\?`", re.I)
    return any(made.search(body) for body in bodies)


@rule(
    "G17", Severity.ADVICE,
    asks="WordPress's script waits for its database.",
    look="docker compose logs wordpress; docker compose up on a slow machine",
    needs="compose",
)  # fmt: skip
def waits_for_the_database(s: Submission) -> Iterator[Finding]:
    for image in s.role("wordpress"):
        needs = image.service.raw.get("depends_on")
        each = needs.values() if isinstance(needs, Map) else ()
        for one in each:
            if isinstance(one, Map) and one.get("condition") == "service_healthy":
                break
        else:
            commands = [one for start in image.starts for one in start.script.calls()]
            waits = any(
                one.name in WAITS or one.in_loop or re.search(r"wait|/dev/tcp|--wait|until|ready", str(one), re.I)
                for one in commands
            )
            setup = re.compile(r"\bcore (install|is-installed)\b|\bconfig create\b")
            first = next((one for one in commands if setup.search(str(one))), None)
            loops = any(start.script.loops for start in image.starts)
            if first is not None and not waits and not loops:
                yield advice(first.at, "Error establishing a database connection: nothing waits for the database",
                             "until mariadb-admin ping -h mariadb --silent; do sleep 1; done, or a healthcheck and "
                             "depends_on: {mariadb: {condition: service_healthy}}")  # fmt: skip


@rule(
    "G18", Severity.END,
    asks="MariaDB's daemon has a user that is not root.",
    look="docker compose logs mariadb",
    needs="compose",
)  # fmt: skip
def database_is_not_root(s: Submission) -> Iterator[Finding]:
    for image in s.role("mariadb"):
        if (
            _family(image) not in ("debian", "alpine")
            or _opaque(s, image)
            or _as_another(image)
            or not _is_clear(s, image)
        ):
            continue
        if any(_begins_again(start) for start in image.starts):
            continue
        text = _text(s, image)
        if re.search(r"(?<![-\w])user\s*=\s*\w|MYSQLD_USER", text):
            continue
        for command in _started(image):
            words = command.real
            if command.name == "$@":
                words = tuple(image.command)
            if not words or words[0].rpartition("/")[2] not in DAEMONS or {"--help", "--version", "-V"} & set(words):
                continue
            if any(re.match(r"--user\b|-u", word) for word in words) or any("$" in word for word in words):
                continue
            says = "mariadbd: Please consult the MariaDB Documentation to find out how to run mariadbd as root!"
            yield fail(command.at, f"{image.service.name}: {says}", f"{words[0].rpartition('/')[2]} --user=mysql")


@rule(
    "G19", Severity.END,
    asks="The database's own tables are made before the daemon starts.",
    look="docker compose logs mariadb",
    needs="compose",
)  # fmt: skip
def has_its_tables(s: Submission) -> Iterator[Finding]:
    for image in s.role("mariadb"):
        if not _is_clear(s, image) or not image.argv:
            continue
        every = [*_build_commands(image), *_started(image)]
        made = re.compile(r"--initialize|/etc/init\.d|\$.*install")
        if any(one.name in (*INSTALLERS, *MANAGERS, "eval") or made.search(str(one)) for one in every):
            continue
        emptied = [
            one
            for one in _build_commands(image)
            if one.name == "rm" and re.search(r"/var/lib/mysql(?![\w-])", str(one))
        ]
        alpine = _family(image) == "alpine" and {"mariadb", "mysql"} & set(image.packages)
        if (alpine or (_family(image) == "debian" and emptied)) and not any("install" in path for path in image.copies):
            at = emptied[0].at if emptied else image.started_at
            says = "[ERROR] Fatal error: Can't open and lock privilege tables: Table 'mysql.db' doesn't exist"
            yield fail(at, f"{image.service.name}: {says}", "mariadb-install-db --user=mysql in the start script")


@rule(
    "G20", Severity.END,
    asks="The users that NGINX and php-fpm are told to be are there.",
    look="docker compose logs",
    needs="compose",
)  # fmt: skip
def users_are_there(s: Submission) -> Iterator[Finding]:
    for role in ("nginx", "wordpress"):
        for image in s.role(role):
            every = [*_build_commands(image), *_started(image)]
            made = any(one.name in ("useradd", "adduser", "usermod", "eval") for one in every)
            if _family(image) != "debian" or made or not _is_clear(s, image) or _opaque(s, image):
                continue
            told = _nginx_users(s, image) if role == "nginx" else _pool_users(s, image)
            for user, at, says in told:
                # Debian's nginx makes no user of its own.
                if user not in USERS and (user == "nginx" or user not in image.packages):
                    yield fail(at, f"{image.service.name}: {says}", "www-data, which Debian has, or RUN useradd")


def _nginx_users(s: Submission, image: Image) -> Iterator[tuple[str, Place, str]]:
    for one in s.directives("user") if image in s.role("nginx") else ():
        if one.arguments and not one.parents and re.fullmatch(r"[a-z_][\w-]*", one.arguments[0]):
            yield one.arguments[0], one.at, f'nginx: [emerg] getpwnam("{one.arguments[0]}") failed'


def _pool_users(s: Submission, image: Image) -> Iterator[tuple[str, Place, str]]:
    held = s.held(image).held
    if not daemons.is_certain(held, daemons.POOL):
        return
    for name, one in daemons.pools(held, "user").items():
        if not one.shipped and re.fullmatch(r"[a-z_][\w-]*", one.value):
            says = f"ERROR: [pool {name or 'www'}] cannot get uid for user '{one.value}'"
            yield one.value, one.at, says
