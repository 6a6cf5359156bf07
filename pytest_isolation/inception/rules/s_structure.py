"""S: the files and directories of the project."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pytest_isolation.inception import compose, makefile, nginx, shell
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, not_applicable, passed, unclear
from pytest_isolation.inception.model import Submission, other_roots
from pytest_isolation.inception.place import Place, Text
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.started import after_compose, compose_calls, of_other_targets

ROLES = ("nginx", "wordpress", "mariadb")
ELSEWHERE = ("secrets/", "docs/", "doc/", ".github/", ".git", "vm/", "vagrant/", "test/", "tests/")
"""Directories beside srcs/ that hold no part of the stack."""


@rule("S01", Severity.END, asks="A Makefile is at the root of the project.", look="ls")
def makefile_at_root(s: Submission) -> Iterator[Finding]:
    if others := other_roots(s.tree, s.root):
        says = f"{s.root} was looked at; other projects are here: {', '.join(others[:3])}"
        yield advice(Place(s.root), says, "name each directory that is to be audited")
    for name in makefile.NAMES:
        if s.path(name) in s.tree:
            yield passed(name, Place(s.path(name)))
            return
    yield fail(Place(s.root or "."), "no Makefile there", "add a Makefile that starts the whole stack")


@rule("S02", Severity.END, asks="The directory srcs is at the root of the project.", look="ls -d srcs")
def srcs_at_root(s: Submission) -> Iterator[Finding]:
    if s.srcs not in s.tree.directories:
        near = [one for one in ("src", "Srcs", "sources") if s.path(one) in s.tree.directories]
        found = f"it is called {near[0]}" if near else "no such directory"
        yield fail(Place(s.root or "."), found, "put everything the stack is built from in srcs/")


@rule("S03", Severity.RULE, asks="The compose file is in srcs/.", look="ls srcs")
def compose_in_srcs(s: Submission) -> Iterator[Finding]:
    here = [s.path("srcs", name) for name in compose.NAMES if s.path("srcs", name) in s.tree]
    used = s.compose.files[0] if s.compose else here[0] if here else None
    if used is None:
        yield fail(Place(s.srcs), "no compose file", "add srcs/docker-compose.yml")
    elif not used.startswith(f"{s.srcs}/"):
        yield fail(Place(used), "the compose file that make uses is not in srcs/", "move it to srcs/docker-compose.yml")
    else:
        note = "" if used.endswith("docker-compose.yml") else "; the subject calls it docker-compose.yml"
        yield passed(posixpath.basename(used) + note, Place(used))


@rule(
    "S04", Severity.END,
    asks="Everything the stack is configured with is in srcs/.",
    look="find . -name Dockerfile -o -name '*.conf' -o -name '*.yml'",
)  # fmt: skip
def nothing_outside_srcs(s: Submission) -> Iterator[Finding]:
    for path in s.tree.under(s.root):
        below = path[len(s.root) :].lstrip("/")
        if below.startswith(("srcs/", *ELSEWHERE)):
            continue
        name = posixpath.basename(path).lower()
        stack = (
            name == "dockerfile" or name.startswith("dockerfile.") or name.endswith(".dockerfile")
            or name in compose.NAMES or re.fullmatch(r"(docker-)?entrypoint(\.sh)?", name)
        )  # fmt: skip
        if not stack and name.endswith((".conf", ".cnf", ".ini")):
            text = s.tree.lenient(path)
            stack = nginx.looks_like_one(text) or re.search(r"^\[(www|mysqld|mariadb|server)\]", text, re.MULTILINE)
        if stack:
            yield fail(Place(path), "a file of the stack outside srcs/", "move it into srcs/requirements/…")


@rule(
    "S05", Severity.END,
    asks="The Makefile builds and starts the stack through docker compose.",
    look="grep compose Makefile",
    needs="makefile",
)  # fmt: skip
def make_uses_compose(s: Submission) -> Iterator[Finding]:
    assert s.makefile is not None
    lines = s.makefile.lines()
    for line in lines:
        for command in shell.parse(str(line), line.at.file, line.at.line).commands:
            if after_compose(list(command.real)) is not None:
                yield passed(str(command), line.at)
                return
    called = _called_scripts(s, lines)
    if called is not None:
        yield passed(f"through {called.file}", called)
        return
    for line in lines:
        if "$(" in line and "compose" in line.lower():
            yield unclear(line.at, f"cannot be expanded: {line[:80]}", "what these variables hold")
            return
    if (missed := s.makefile.missed()) is not None:
        yield unclear(missed.at, f"cannot be expanded: {missed[:80]}", "what this make runs")
        return
    yield fail(Place(s.makefile.file), "no recipe runs docker compose", "let `make` run docker compose")


def _called_scripts(s: Submission, lines: list[Text]) -> Place | None:
    """The first line of a script called by the Makefile that runs compose."""
    for line in lines:
        for command in shell.parse(str(line), line.at.file, line.at.line).commands:
            for word in command.real[:3]:
                path = s.tree.find(s.path(word)) if "/" in word or word.endswith(".sh") else None
                if path is None:
                    continue
                for inner in shell.parse(s.tree.lenient(path), path).commands:
                    if after_compose(list(inner.real)) is not None:
                        return inner.at
    return None


@rule(
    "S06", Severity.RULE,
    asks="`make` alone builds and starts everything.",
    look="make; docker compose ps",
    needs="makefile",
)  # fmt: skip
def default_goal_starts(s: Submission) -> Iterator[Finding]:
    assert s.makefile is not None
    goal = s.makefile.default
    if goal is None:
        yield fail(Place(s.makefile.file), "no target", "make `all` the first target and start the stack there")
        return
    lines = s.makefile.lines(goal)
    at = s.makefile.targets[goal].at if goal in s.makefile.targets else Place(s.makefile.file)
    if compose_calls(lines):
        yield passed(f"{goal} runs docker compose up", at)
    elif _called_scripts(s, lines):
        yield passed(f"{goal} runs a script that runs docker compose", at)
    elif any("$(" in line and "compose" in line.lower() for line in lines):
        yield unclear(at, f"{goal}: its recipe cannot be expanded", "what the variables in it hold")
    elif s.makefile.missed(goal) is not None:
        yield unclear(at, f"{goal}: its recipe cannot be expanded", "what the make in it runs")
    else:
        yield fail(at, f"the default goal {goal!r} starts nothing", "make the first target reach `docker compose up`")


@rule(
    "S07", Severity.END,
    asks="Each service has a Dockerfile of its own, and it is not empty.",
    look="find srcs -name Dockerfile -size 0; grep -n build srcs/docker-compose.yml",
    needs="compose",
)  # fmt: skip
def dockerfile_each(s: Submission) -> Iterator[Finding]:
    users: dict[tuple[str, str | None], str] = {}
    for name, image in s.images.items():
        if image.problem is not None:
            yield fail(image.problem.at, f"{name}: {image.problem}", "write this service's Dockerfile")
        elif image.dockerfile is not None and image.service.build is not None:
            key = image.dockerfile.file, image.service.build.target
            if key in users and image.service.build.inline is None:
                yield fail(image.service.build.at, f"{name} and {users[key]} share {key[0]}", "one Dockerfile each")
            users[key] = name


@rule(
    "S08", Severity.END,
    asks="There are an NGINX, a WordPress with php-fpm and a MariaDB service.",
    look="docker compose ps",
    needs="compose",
)  # fmt: skip
def three_services(s: Submission) -> Iterator[Finding]:
    assert s.compose is not None
    unread = [name for name, image in s.images.items() if image.dockerfile is None]
    for role in ROLES:
        if s.role(role):
            continue
        at = Place(s.compose.files[0])
        if unread:
            yield unclear(at, f"no service is seen to be {role}", f"what is in the images of {', '.join(unread)}")
        else:
            yield fail(at, f"no service installs and runs {role}", f"add a service whose image runs {role}")


@rule(
    "S09", Severity.RULE,
    asks="One container runs one service.",
    look="docker top CONTAINER",
    needs="compose",
)  # fmt: skip
def one_service_each(s: Submission) -> Iterator[Finding]:
    daemons = {
        "nginx": ("mariadb-server", "mysql-server", "apache2", "supervisor"),
        "wordpress": ("mariadb-server", "mysql-server", "apache2", "supervisor", "redis-server", "vsftpd"),
        "mariadb": ("apache2", "supervisor", "redis-server", "vsftpd"),
    }
    for name, image in s.images.items():
        for package in daemons.get(image.role, ("supervisor",)):
            # Alpine calls the server what Debian calls the family.
            alone = package.removesuffix("-server")
            if (
                image.stages
                and image.stages[0].base.rpartition("/")[2].startswith("alpine")
                and alone in image.packages
            ):
                package = alone
            if package in image.packages:
                yield fail(
                    image.packages[package],
                    f"{name} ({image.role}) installs {package}",
                    "give it a container of its own",
                )
        if image.role in ("nginx", "mariadb"):
            for package, at in image.packages.items():
                if re.fullmatch(r"php[\d.]*-?fpm\d*", package):
                    yield fail(at, f"{name} ({image.role}) installs {package}", "php-fpm goes with WordPress")


@rule("S10", Severity.RULE, asks="The project runs in a virtual machine.", look="systemd-detect-virt")
def in_a_vm(s: Submission) -> Iterator[Finding]:
    yield not_applicable("files do not say where they will run")


@rule(
    "S11", Severity.ADVICE,
    asks="Stale parts that nothing uses are not in the way of an evaluator.",
    look="compare find srcs -name Dockerfile with docker compose config",
    needs="compose",
)  # fmt: skip
def no_stale_dockerfiles(s: Submission) -> Iterator[Finding]:
    used = {image.dockerfile.file for image in s.images.values() if image.dockerfile}
    if any(image.problem for image in s.images.values()):
        return
    others = " ".join(s.tree.lenient(path) for path in of_other_targets(s))
    for path in s.tree.under(s.srcs):
        if posixpath.basename(path).lower() == "dockerfile" and path not in used and "bonus" not in path:
            if posixpath.basename(posixpath.dirname(path)) in others:
                continue
            yield advice(Place(path), "no service is built from it", "remove it, or use it")
