"""D: Dockerfiles, and what containers start."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from pytest_isolation.inception import releases, shell
from pytest_isolation.inception.dockerfile import Dockerfile, run_texts
from pytest_isolation.inception.finding import Finding, Severity, advice, fail, passed, unclear
from pytest_isolation.inception.follow import SHELLS, files_of
from pytest_isolation.inception.model import Image, Submission
from pytest_isolation.inception.place import Place, Text
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.script import Command, Script
from pytest_isolation.inception.variables import unresolved

FAMILIES = ("debian", "alpine")


def dockerfiles(s: Submission) -> list[Dockerfile]:
    """Each once."""
    return list({image.dockerfile.file: image.dockerfile for image in s.images.values() if image.dockerfile}.values())


def bases(s: Submission) -> Iterator[tuple[Text, str, str]]:
    """(as written, family, tag or "") of every image from outside that a build uses."""
    for file in dockerfiles(s):
        names: list[str] = []
        for stage in file.stages:
            if stage.base.lower() not in names and stage.base != "scratch":
                yield stage.base, *_named(stage.base)
            names.append((stage.name or "").lower())
            for one in stage.every("COPY", "ADD"):
                source = one.flags.get("from", "")
                if source and source.lower() not in names and not source.isdigit():
                    yield Text(source, one.at), *_named(source)


def _named(image: str) -> tuple[str, str]:
    plain = image.partition("@")[0]
    name, _, tag = plain.rpartition(":") if ":" in posixpath.basename(plain) else (plain, "", "")
    name = re.sub(r"^(docker\.io/)?(library/)?", "", name)
    return name, tag


@rule(
    "D01", Severity.END, asks="Every image is built from Alpine or Debian.", look="grep -rn FROM srcs", needs="compose"
)
def alpine_or_debian(s: Submission) -> Iterator[Finding]:
    for written, family, _ in bases(s):
        if unresolved(written):
            yield unclear(written.at, f"FROM {written}", f"the value of {unresolved(written)[0]}")
        elif family not in FAMILIES:
            yield fail(written.at, f"FROM {written}", "start from debian or alpine and install what you need")


@rule(
    "D02", Severity.END,
    asks="The base image has a tag that names a release.",
    look="grep -rn FROM srcs",
    needs="compose",
)  # fmt: skip
def tagged(s: Submission) -> Iterator[Finding]:
    for written, family, tag in bases(s):
        if family not in FAMILIES or unresolved(written) or tag == "latest":
            continue
        if not tag and "@" not in written:
            yield fail(written.at, f"FROM {written}: no tag is the tag latest", "name the release")
        elif tag:
            named = releases.series_of(family, tag, s.asked.day)
            if isinstance(named, str):
                yield fail(written.at, f"FROM {written}: {named}", "name the release")


@rule(
    "D03", Severity.END,
    asks="The base image is the penultimate stable release.",
    look="the distribution's page of releases; docker exec CONTAINER cat /etc/os-release",
    needs="compose",
)  # fmt: skip
def penultimate(s: Submission) -> Iterator[Finding]:
    day = s.asked.day
    for written, family, tag in bases(s):
        if family not in FAMILIES or not tag or tag == "latest" or unresolved(written):
            continue
        named = releases.series_of(family, tag, day)
        right = releases.accepted(family, day)
        wanted = " or ".join(one.name for one in right)
        if isinstance(named, str):
            continue
        if named is None:
            yield unclear(written.at, f"FROM {written}: not a release known here", f"whether it is {wanted}")
        elif s.subject == "1.1" and named.name == "buster":
            yield passed(f"{written}: version 1.1 names it", written.at)
        elif named in right:
            yield passed(f"{written} is the penultimate stable on {day}", written.at)
        else:
            yield fail(
                written.at,
                f"FROM {written}: on {day} the penultimate stable is {wanted}",
                f"FROM {family}:{right[0].name}",
            )


@rule(
    "D04", Severity.END,
    asks="NGINX is in its own image only.",
    look="docker exec CONTAINER which nginx",
    needs="compose",
)  # fmt: skip
def nginx_alone(s: Submission) -> Iterator[Finding]:
    for role in ("wordpress", "mariadb"):
        for image in s.role(role):
            for package, at in image.packages.items():
                if re.fullmatch(r"nginx(-(full|light|extras|core|common))?", package):
                    yield fail(at, f"{image.service.name} installs {package}", "remove it: NGINX has its own container")


LONG = re.compile(r"inf(inity)?|\d+d|\d{3,}h|\d{6,}s?")
"""Of sleep: a day and more."""


def _for_another(image: Image, command: Command) -> bool:
    """Whether a branch of `case "$1"` is for other arguments than the container is started with."""
    looked_at, *patterns = command.case or ("",)
    match = re.fullmatch(r"\$(?:[1@*]|\{[1@*](?::?-(\w*))?\})", looked_at)
    if match is None:
        return False
    given = _first_argument(image) or [match[1] or ""]
    return not any(fnmatchcase(word, pattern) for word in given for pattern in patterns)


def _first_argument(image: Image) -> list[str]:
    """The word behind the script, of ENTRYPOINT or of CMD; none where there is none."""
    for number, word in enumerate(image.argv):
        if files_of(image, word):
            return image.argv[number + 1 : number + 2]
    return image.command[:1]


def _hack(words: tuple[str, ...] | list[str]) -> str | None:
    """What is wrong with a command as the thing that keeps a container alive."""
    if not words:
        return None
    name = posixpath.basename(words[0])
    if name == "tail" and any(re.fullmatch(r"-[a-zA-Z]*[fF]\w*|--follow(=\S*)?", word) for word in words[1:]):
        return "tail -f keeps it alive"
    if name == "sleep" and words[1:2] and LONG.fullmatch(words[1]):
        return f"sleep {words[1]} keeps it alive"
    if name == "watch" and len(words) > 1:
        return "watch runs for ever"
    if name in SHELLS and all(word.startswith("-") and "c" not in word for word in words[1:]):
        return "a bare shell keeps it alive"
    return None


@rule(
    "D05", Severity.END,
    asks="ENTRYPOINT and CMD start the service itself.",
    look="grep -rnE 'ENTRYPOINT|CMD' srcs",
    needs="compose",
)  # fmt: skip
def no_hack(s: Submission) -> Iterator[Finding]:
    fix = "start the daemon in the foreground, or a script that ends with exec DAEMON"
    for image in s.images.values():
        name = image.service.name
        if image.stage is None:
            continue
        if image.broken_json is not None:
            yield fail(image.broken_json.at, f"{name}: {image.broken_json}: no JSON list: a shell runs it as text",
                       "double quotes, and no comment behind it")  # fmt: skip
        elif not image.argv:
            yield fail(image.service.at, f"{name}: no ENTRYPOINT and no CMD: it runs the base's shell", fix)
        elif wrong := _hack(image.argv):
            yield fail(image.started_at, f"{name}: {' '.join(image.argv)}: {wrong}", fix)
        for start in image.starts:
            if start.path is not None:
                continue
            for command in start.script.commands:
                if wrong := _hack(command.real):
                    yield fail(image.started_at, f"{name}: {command}: {wrong}", fix)
                elif command.background:
                    yield fail(image.started_at, f"{name}: {command} & runs in the background", fix)
            for loop in start.script.loops:
                if loop.endless:
                    yield fail(image.started_at, f"{name}: {loop.text}: a loop without an end", fix)


def _scripts(s: Submission) -> Iterator[tuple[Image, str, Script]]:
    seen: set[str] = set()
    for image in s.images.values():
        for start in image.starts:
            if start.path is not None and start.path not in seen:
                seen.add(start.path)
                yield image, start.path, start.script


@rule(
    "D06", Severity.END,
    asks="No script that a container runs has an endless loop.",
    look="grep -rnE 'while|until|sleep|tail' srcs",
    needs="compose",
)  # fmt: skip
def no_endless_loop(s: Submission) -> Iterator[Finding]:
    fix = "wait for a condition, at most for a while, and end with exec DAEMON"
    for image, _, script in _scripts(s):
        for loop in script.loops:
            if loop.endless:
                yield fail(loop.at, f"{image.service.name}: {loop.text}", fix)
        for command in script.runtime():
            wrong = _hack(command.real)
            asked = command.name in SHELLS and (command.piped_into or _for_another(image, command))
            if wrong and not asked:
                yield fail(command.at, f"{image.service.name}: {command}: {wrong}", fix)
    for _, script in s.host_scripts:
        for loop in script.loops:
            if loop.endless:
                yield advice(loop.at, f"a script of the host: {loop.text}", "an evaluator who greps will ask about it")


@rule(
    "D07", Severity.END,
    asks="No script that a container runs leaves a program in the background.",
    look="grep -rn '&$' srcs",
    needs="compose",
)  # fmt: skip
def no_background(s: Submission) -> Iterator[Finding]:
    for image, _, script in _scripts(s):
        commands = script.runtime()
        for number, command in enumerate(commands):
            if not command.background:
                continue
            found = f"{image.service.name}: {command} &"
            after = commands[number + 1 :]
            ends = any(one.name in ("kill", "wait", "pkill", "killall") or "shutdown" in one.words for one in after)
            if ends and any(one.is_exec for one in after) and not s.asked.strict:
                yield advice(command.at, f"{found}, ended before the daemon starts; a strict evaluator stops here",
                             "initialise without a second daemon: mariadbd --bootstrap, or --init-file")  # fmt: skip
            else:
                yield fail(command.at, found, "run the daemon itself with exec, in the foreground")


@rule(
    "D08", Severity.ADVICE,
    asks="Start scripts do not start services through the system's service manager.",
    look="grep -rnE 'service|rc-service|systemctl' srcs",
    needs="compose",
)  # fmt: skip
def no_service_manager(s: Submission) -> Iterator[Finding]:
    for image, _, script in _scripts(s):
        for command in script.runtime():
            words = command.real
            by_path = bool(words) and words[0].startswith("/etc/init.d/")
            manager = command.name in ("service", "rc-service", "systemctl") or by_path
            if command.name == "openrc" or (manager and {"start", "restart", "stop", "status"} & set(words)):
                yield advice(command.at, f"{image.service.name}: {command}", "start the daemon itself")


WRAPPERS = ("mysqld_safe", "mariadbd-safe")
"""Scripts that stay the first process, with the daemon below them: a signal does not reach it."""


def _wrapped(image: Image, name: str, at: Place) -> Finding:
    says = f"{image.service.name}: {name} is a shell script that starts the daemon and stays the first process"
    return advice(at, says, "start mariadbd itself: exec mariadbd --user=mysql")


def _last_commands(script: Script) -> list[Command]:
    """Up to the last that runs; where that is a function (`main "$@"`), up to the last of it."""
    function = None
    for _ in range(8):
        commands = [one for one in script.commands if one.function == function]
        called = commands[-1].words[0] if commands and commands[-1].words else None
        if called is None or called == function or not any(one.function == called for one in script.commands):
            break
        function = called
    return commands


@rule(
    "D09", Severity.ADVICE,
    asks="The daemon is the container's first process.",
    look="docker exec CONTAINER cat /proc/1/comm; time docker stop CONTAINER",
    needs="compose",
)  # fmt: skip
def daemon_is_first(s: Submission) -> Iterator[Finding]:
    for image in s.images.values():
        if image.stage is None or image.service.text("init") == "true" or not image.argv or image.broken_json:
            continue
        if any(_hack(command.real) for start in image.starts for command in start.script.commands):
            continue
        first = image.starts[0] if image.starts else None
        if first is None and posixpath.basename(image.argv[0]) in WRAPPERS:
            yield _wrapped(image, posixpath.basename(image.argv[0]), image.started_at)
        if first is None or _hack(image.argv):
            continue
        commands = _last_commands(first.script)
        last = commands[-1] if commands else None
        started = last.name if last is not None else ""
        if started == "$@" and image.entrypoint and image.command:
            started = posixpath.basename(image.command[0])
        if last is not None and last.is_exec and started in WRAPPERS:
            yield _wrapped(image, started, last.at)
        if commands and not commands[-1].is_exec and not any(one.is_exec for one in commands[-2:]):
            if first.path is None and len(commands) == 1:
                continue  # the shells of both distributions exec a single simple command themselves
            fix = "put exec before it: signals then reach the daemon"
            if commands[-1].in_loop:
                fix = "end the script with exec DAEMON: signals then reach the daemon"
            yield advice(commands[-1].at, f"{image.service.name}: the last command is {str(commands[-1])[:80]}", fix)


def _texts(s: Submission, image: Image) -> Iterator[tuple[str, Place]]:
    """Everything that may configure a daemon: its words, its scripts, its files."""
    yield " ".join(image.argv), image.started_at
    for start in image.starts:
        for command in start.script.commands:
            yield str(command), command.at
        for _, body, at in start.script.heredocs:
            yield body, at
    for stage in image.stages:
        for text in run_texts(stage):
            yield str(text), text.at
    for path in sorted(set(image.copies.values())):
        if path.endswith((".conf", ".cnf", ".ini", ".template", ".tmpl")):
            yield re.sub(r"^[ \t]*[#;].*$", "", s.tree.lenient(path), flags=re.MULTILINE), Place(path)


@rule(
    "D11", Severity.ADVICE,
    asks="Images are small and built the same way every time.",
    look="docker history IMAGE; hadolint Dockerfile",
    needs="compose",
)  # fmt: skip
def hygiene(s: Submission) -> Iterator[Finding]:
    for file in dockerfiles(s):
        for stage in file.stages:
            for text in run_texts(stage):
                commands = shell.parse(str(text), text.at.file, text.at.line).commands
                joined = [" ".join(one.real) for one in commands]
                for command in commands:
                    if command.name == "apk" and "add" in command.real and "--no-cache" not in command.real and not any(
                        "/var/cache/apk" in one for one in joined
                    ):  # fmt: skip
                        yield advice(command.at, f"{str(command)[:60]}: the index stays", "apk add --no-cache")
                        break
                    if command.name in ("apt-get", "apt") and "install" in command.real and not any(
                        "/var/lib/apt/lists" in one or one.startswith(("apt-get clean", "apt clean")) for one in joined
                    ):  # fmt: skip
                        yield advice(command.at, f"{str(command)[:60]}: the lists stay in the image",
                                     "&& rm -rf /var/lib/apt/lists/*")  # fmt: skip
                        break
            for one in stage.every("ADD"):
                if re.match(r"https?://", one.text):
                    yield advice(
                        one.at,
                        f"ADD {one.text[:60]}: what it fetches may change",
                        "fetch a version, and compare its sum",
                    )
