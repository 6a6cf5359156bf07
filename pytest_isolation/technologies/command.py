"""Any launcher whose command line ends in the program to start: firejail, nsjail, a vendor's sandbox, a script.

What the box is made of is the command's business; ours is the agent, started by it on its standard input
and output, and a guard around it all.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.box import BoxHandle
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError, Cause, Unavailable, Unsupported, UsageError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

AGENT = "{agent}"
DECIDED = Cause("the command decides the contents of such a box", "give it in the command's own arguments")
EXAMPLE = f'command:"bwrap --unshare-all --ro-bind / / --tmpfs /tmp --proc /proc {AGENT}"'


class Command:
    name = "command"
    start_ms = 100
    doors = ("start",)
    keywords: Mapping[str, str] = {"": f"the command, in quotes; its last word is {AGENT}: {EXAMPLE}"}

    def weakenings(self) -> Weakenings:
        """None: what could be left out is the command's to know."""
        return frozenset()

    def check_available(self, spec: BoxSpec) -> None:
        for key in ("memory", "pids", "cpus", "hostname"):
            if getattr(spec, key) != getattr(type(spec)(technology=spec.technology), key):
                raise Unsupported(f"{key}: the command decides that", cause=DECIDED)
        self._check(spec)

    def _check(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        words = _words(spec)
        if shutil.which(words[0]) is None:
            raise Unavailable(f"{words[0]} is no program in PATH", "install it, or correct the command")
        for key in ("image", "volumes", "read_only", "uid", "gid", "network"):
            if getattr(spec, key):
                raise Unsupported(f"{key}: the command decides that", cause=DECIDED)
        if spec.workdir != "/":
            raise Unsupported("workdir: the command decides that", cause=DECIDED)

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        """The program's path stands for its version: no program is started that nobody asked for."""
        words = _words(spec)
        return {"version": os.path.realpath(shutil.which(words[0]) or words[0]), "command": shlex.join(words)}

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self._check(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        words = _words(spec)
        agent_path = os.fspath(agent_binary())
        argv = [word.replace(AGENT, agent_path) for word in words]
        argv[0] = shutil.which(words[0]) or words[0]
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
        init = _agent_below(pid)
        return BoxHandle(
            agent=agent,
            init_pid=init,
            # A command may have put the box in a group of its own making, which we cannot name.
            group=group if group is not None and init in group.pids() else None,
            root=Path(f"/proc/{init}/root") if init is not None else None,
            facts={"agent": agent_path, "command": argv},
        )

    def clean(self, kind: str, handle: str) -> bool:
        return False


def _words(spec: BoxSpec) -> list[str]:
    """The command's words, {agent} still in them.  Raises Unavailable without a command, UsageError for a wrong one."""
    text = spec.option("")
    if text is None:
        raise Unavailable("no command was given", f"give one: --box '{EXAMPLE}'")
    if not isinstance(text, str):
        raise UsageError(f"command has {len(text)} bare values; expected one, in quotes: --box '{EXAMPLE}'")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"command {text!r}: {error}; correct the quotes in it") from None
    if len(words) < 2 or words[-1] != AGENT:
        raise UsageError(f"command {text!r}: its last word is to be {AGENT}, and a program before it: {EXAMPLE}")
    return words


def _agent_below(pid: int) -> int | None:
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
