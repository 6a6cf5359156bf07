"""The exec door: `podman exec` of an agent that is in the container already."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pytest_isolation.boxes import cgroups, making_groups
from pytest_isolation.boxes.caller import NOBODY, Caller
from pytest_isolation.technologies import program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent
    from pytest_isolation.technologies.podman.engine import Engine


def group_for_a_command(guard: cgroups.Group | None) -> cgroups.Group | None:
    """A group for one command of Podman's, in the guard: on v2 a group with groups below has no process.

    One each: what ends with an exec must not end the container's own.
    """
    return (
        None if guard is None else making_groups.create(f"{guard.path}/podman-{secrets.token_hex(2)}", cgroups.Limits())
    )


def enter(
    engine: Engine,
    name: str,
    agent: str,
    guard: cgroups.Group | None,
    undo: ExitStack,
    caller: Caller = NOBODY,
    options: Sequence[str] = (),
) -> Agent:
    """The agent at the path `agent` of the container, ended by `undo`.  Raises BoxError with Podman's words."""
    programs = program.Programs(group_for_a_command(guard), undo, caller)
    argv = [engine.path, *engine.global_arguments(), "exec", "--interactive", *options, name, agent]
    programs.start(argv, env=engine.environ_words(), prepare=engine.become_account)
    found = programs.hello("podman exec")
    undo.callback(found.close)
    return found
