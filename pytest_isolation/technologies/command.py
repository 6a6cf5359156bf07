"""Any launcher whose command line ends in the program to start: firejail, nsjail, a vendor's sandbox, a script.

What the box is made of is the command's business; ours is the agent, started by it on its standard input
and output, and a guard around it all.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.cgroups import Group, Limits
from pytest_isolation.boxes.handle import BoxHandle, Life
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError, UsageError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import command_line, launcher, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box
from pytest_isolation.technologies.command_line import AGENT, CONTENTS, SIZE

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

EXAMPLE = f'command:"bwrap --unshare-all --ro-bind / / --tmpfs /tmp --proc /proc {AGENT}"'


class Command:
    """A sandbox that is a command around our agent."""

    name = "command"
    start_ms = 100
    doors = ("start",)
    keywords: Mapping[str, str] = {"": f"the command, in quotes; its last word is {AGENT}: {EXAMPLE}"}

    def weakenings(self) -> Weakenings:
        """None: what could be left out is the command's to know."""
        return frozenset()

    def check_available(self, spec: BoxSpec) -> None:
        command_line.refuse_decided(spec, "command", SIZE)
        self._check(spec)

    def _check(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        command_line.program_of(_words(spec))
        command_line.refuse_decided(spec, "command", CONTENTS)

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        return command_line.facts(_words(spec))

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self._check(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        words = _words(spec)
        agent_path = os.fspath(agent_binary())
        argv = [word.replace(AGENT, agent_path) for word in words]
        argv[0] = command_line.program_of(words)
        group = launcher.new_groups(spec, lifetime, Limits(), undo)
        programs = program.Programs(group, undo, spec.caller)
        env = [f"{key}={value}" for key, value in (dict(os.environ) | dict(spec.env)).items()]
        pid = programs.start(argv, env=env)
        try:
            agent = programs.hello(words[0])
        except BoxError as error:
            told = f"{error}. The command was {shlex.join(argv)}"
            if "its standard output, which" in told:
                raise BoxError(told) from None  # it said all: the agent ran
            raise BoxError(
                f"{told}. The sandbox must let {agent_path} be read and "
                f"executed, and pass on its standard input and output: bind or allow that file, as in "
                f"`--ro-bind {AGENT} {AGENT}` of bwrap or `--whitelist={AGENT}` of firejail"
            ) from None
        undo.callback(agent.close)
        return handle_of(agent, agent_below(pid), group, agent_path, pid)

    def clean(self, kind: str, handle: str) -> bool:
        return False


def _words(spec: BoxSpec) -> list[str]:
    """The command's words, {agent} still in them.  Raises Unavailable without a command, UsageError for a wrong one."""
    words = command_line.words_of(spec, AGENT, EXAMPLE)
    if len(words) < 2 or words[-1] != AGENT:
        raise UsageError(
            f"command {spec.option('')!r}: its last word is to be {AGENT}, and a program before it: {EXAMPLE}"
        )
    return words


def handle_of(agent: Agent, init: int | None, group: Group | None, agent_path: str, pid: int) -> BoxHandle:
    """A box of which this host knows the agent's number, `init`, or nothing.

    `group`: what it was started in; `pid`: the program that was started, which may have become the agent.
    """
    return BoxHandle(
        agent=agent,
        init_pid=init,
        # A command may have put the box in a group of its own making, which we cannot name.
        group=group if group is not None and init in group.pids() else None,
        root=Path(f"/proc/{init}/root") if init is not None else None,
        agent_path=agent_path,
        life=Life(launcher=pid if init not in (None, pid) else None),
    )


def agent_below(pid: int) -> int | None:
    """The agent among the descendants of `pid`, known by its file; None where the host cannot see it."""
    wanted = agent_binary().stat()
    below = [pid]
    while below:
        one = below.pop()
        try:
            found = os.stat(f"/proc/{one}/exe")
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return one
        except OSError:
            pass
        below += program.children(one)
    return None
