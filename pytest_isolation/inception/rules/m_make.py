"""M: what the Makefile and the scripts of the host do."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_isolation.inception.finding import Finding, Severity, advice, fail
from pytest_isolation.inception.model import Submission
from pytest_isolation.inception.registry import rule
from pytest_isolation.inception.rules.c_compose import host_commands


@rule(
    "M01", Severity.END,
    asks="No container is started with --link.",
    look="grep -rn -e --link Makefile srcs",
)  # fmt: skip
def no_link(s: Submission) -> Iterator[Finding]:
    commands = list(host_commands(s))
    commands += [one for image in s.images.values() for start in image.starts for one in start.script.commands]
    for command in commands:
        if command.name == "docker" and any(word == "--link" or word.startswith("--link=") for word in command.words):
            yield fail(command.at, str(command)[:100], "put the containers on a network")


@rule(
    "M02", Severity.ADVICE,
    asks="Cleaning removes what is this project's and nothing else.",
    look="grep -nE 'prune|rm -rf' Makefile",
)  # fmt: skip
def careful_clean(s: Submission) -> Iterator[Finding]:
    for command in host_commands(s):
        words = set(command.real)
        if "com.docker.compose.project=" in str(command):  # --filter label=…: what has it is this project's
            continue
        if command.name == "docker" and "prune" in words and {"system", "volume", "image", "container"} & words:
            yield advice(command.at, f"{str(command)[:80]}: also removes what other projects made",
                         "docker compose down --rmi local --volumes")  # fmt: skip
