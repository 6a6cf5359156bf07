"""Boxes that are reached by a stream alone: any command whose input and output end in a POSIX shell inside the box.

`docker exec -i NAME sh`, `ssh HOST sh`, `kubectl exec -i POD -- sh`, `nerdctl exec`, a vendor's command.  The agent is
brought in over that stream (upload.py).  What is outside of the box is what this host can see of it (seen.py).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.client import Agent
from pytest_isolation.agent.constants import AT_FDCWD
from pytest_isolation.agent.shortcuts import set_name
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import AgentLost, BoxError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import attach, command_line, inject, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box
from pytest_isolation.technologies.channel import seen, upload
from pytest_isolation.technologies.telling import telling

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

__all__ = ["Channel"]

NAME = "isolation-agent"
"""As whoever the box belongs to sees the process: a shell gives it the name of what it executes, such as 9."""
EXAMPLE = 'channel:"docker exec -i NAME sh"'


class Channel:
    """A box that anything at all has started, with our agent at the other end of a channel."""

    name = "channel"
    start_ms = 500
    doors = ("exec",)
    keywords: Mapping[str, str] = {"": f"the command, in quotes, that ends in a shell inside the box: {EXAMPLE}"}

    def weakenings(self) -> Weakenings:
        """None: the box has the holes it has."""
        return frozenset()

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        command_line.program_of(_words(spec))
        inject.check_as_it_is(spec)

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        return command_line.facts(_words(spec))

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(spec, lambda undo: self._parts(spec, undo))

    def _parts(self, spec: BoxSpec, undo: ExitStack) -> BoxHandle:
        notes: list[str] = []
        agent = _entered(spec, notes)
        undo.callback(agent.close)
        found = seen.find(agent)
        return BoxHandle(
            agent=agent,
            init_pid=found.init_pid,
            group=found.group,
            root=found.root,
            shares_kernel=found.init_pid is not None,
            enter=lambda: _entered(spec, notes),
            address=found.address,
            unlike=found.unlike,
            beside=(attach.NEIGHBOURS,),
            notes=notes,
        )

    def clean(self, kind: str, handle: str) -> bool:
        """Nothing: the command ends with us."""
        return False


def _words(spec: BoxSpec) -> list[str]:
    return command_line.words_of(spec, "a shell", EXAMPLE)


def _entered(spec: BoxSpec, notes: list[str]) -> Agent:
    """An agent in the box, through a stream of its own, which ends with it.

    Raises BoxError with what the command said.
    """
    words, file = _words(spec), ""
    with ExitStack() as undo:
        # In no group of the box's: the command is a client, and what it reaches is somewhere else.
        programs = program.Programs(None, undo, spec.caller)
        environment = [f"{key}={value}" for key, value in os.environ.items()]
        programs.start([command_line.program_of(words), *words[1:]], env=environment)
        channel = programs.channel()
        undo.callback(channel.close)
        try:
            file = upload.bring(channel)
            agent = Agent(channel)
            removed = agent.proc.unlinkat(AT_FDCWD, os.fsencode(file)) if file else agent.proc.close(upload.OPEN)
        except (AgentLost, upload.NoShellError) as error:
            left = f" Its file may be there still: {telling(file)}." if file else ""
            raise BoxError(
                f"no agent came into the box: {error}{programs.because()}.{left} The command was {shlex.join(words)}"
            ) from None
        set_name(agent.proc, NAME)
        agent.undo.push(undo.pop_all())
    if file and not removed.ok:
        notes.append(f"the agent's file stays in the box, {telling(file)}: {removed}")
    return agent
