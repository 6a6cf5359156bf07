"""Sandboxes by the names that people know them by: `--box preset:firejail`, from a table of command lines.

The table (presets.toml) says where each line comes from, which version was tried, and what the program does not aim at.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError, Unavailable, UsageError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import command, command_line, launcher, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box
from pytest_isolation.technologies.channel import seen
from pytest_isolation.technologies.program import which

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

__all__ = ["Known", "Preset", "table"]

TABLE = Path(__file__).with_name("presets.toml")
ROOT, PYTHON, SCRATCH = "{root}", "{python}", "{scratch}"


@dataclass(frozen=True, slots=True)
class Known:
    """A line of the table."""

    name: str
    command: tuple[str, ...]
    install: str
    source: str
    tried: str
    purpose: str
    not_for: str
    module: str | None = None
    program: str | None = None
    only_root: bool = False

    def path(self, program: str | None = None) -> str:
        """Of `program`, or the one that the command begins with.  Raises Unavailable with what brings it here."""
        program = program or (sys.executable if self.command[0] == PYTHON else self.command[0])
        path = which(program)
        if path is None:
            raise Unavailable(f"{program} is not installed", self.install)
        return path

    @property
    def own_root(self) -> bool:
        """Whether the sandbox gets a root that we make."""
        return any(ROOT in word for word in self.command)


@cache
def table() -> Mapping[str, Known]:
    """Name -> the sandbox of that name."""
    import tomllib

    return {
        name: Known(name, tuple(entry.pop("command")), not_for=entry.pop("not"), **entry)
        for name, entry in tomllib.loads(TABLE.read_text(encoding="utf-8")).items()
    }


class Preset:
    """A well-known sandbox by its name: presets.toml."""

    name = "preset"
    start_ms = 200
    doors = ("start",)

    @property
    def keywords(self) -> Mapping[str, str]:
        return {"": f"one of {', '.join(table())}"}

    def called(self, spec: BoxSpec) -> str:
        """As the preset is: two of them in one run need no names."""
        name = spec.option("")
        return name if isinstance(name, str) and name in table() else ""

    def weakenings(self) -> Weakenings:
        """None: what could be left out is the sandbox's to know."""
        return frozenset()

    def check_available(self, spec: BoxSpec) -> None:
        command_line.refuse_decided(spec, "sandbox", command_line.SIZE)
        self._check(spec)

    def _check(self, spec: BoxSpec) -> Known:
        refuse_unknown_holes(self, spec)
        known = _named(spec)
        known.path()
        known.path(known.program)
        if known.only_root and os.geteuid() != 0:
            raise Unavailable(f"preset {known.name} needs root: its configuration, or what it mounts", "run as root")
        if known.module is not None and importlib.util.find_spec(known.module) is None:
            raise Unavailable(f"{sys.executable} has no module {known.module}", known.install)
        command_line.refuse_decided(spec, "sandbox", command_line.CONTENTS)
        return known

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        """Its own words for its version where it has any, else the version that the table was tried with."""
        known = _named(spec)
        return {
            "version": _version(known), "preset": known.name, "command": shlex.join(known.command),
            "tried": known.tried, "source": known.source,
        }  # fmt: skip

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        known = self._check(spec)
        return start_box(spec, lambda undo: self._parts(spec, known, lifetime, undo))

    def _parts(self, spec: BoxSpec, known: Known, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        group = launcher.new_groups(spec, lifetime, Limits(), undo)
        agent_path, places = os.fspath(agent_binary()), {PYTHON: sys.executable}
        if any(SCRATCH in word for word in known.command):
            # Before the programs, so that it is removed after their end: they write to it.
            scratch = lifetime.new_directory("scratch")
            undo.callback(lifetime.remove_directory, scratch)
            places[SCRATCH] = os.fspath(scratch)
        programs = program.Programs(group, undo, spec.caller)
        if known.own_root:
            root, agent_path = launcher.new_root(spec, lifetime, programs.proc, undo)
            places[ROOT] = os.fspath(root)
        words = [_with(word, places | {command_line.AGENT: agent_path}) for word in known.command]
        words[0] = known.path()
        # USER: ch-run wants to know it; a login has it, a service has not.
        environment = {"USER": "root"} | dict(os.environ) | dict(spec.env)
        pid = programs.start(words, env=[f"{key}={value}" for key, value in environment.items()])
        try:
            agent = programs.hello(words[0])
        except BoxError as error:
            raise Unavailable(f"preset {known.name} does not start here: {error}", known.install) from None
        undo.callback(agent.close)
        # In a root of its own it is another file, and some run it by a loader of theirs: then by its name.
        return command.handle_of(agent, command.agent_below(pid) or seen.pid_of(agent), group, agent_path, pid)

    def clean(self, kind: str, handle: str) -> bool:
        return False


def _named(spec: BoxSpec) -> Known:
    name = spec.option("")
    if name is None:
        raise Unavailable("no preset was named", f"name one: --box preset:NAME, of {', '.join(table())}")
    if not isinstance(name, str) or name not in table():
        raise UsageError(f"preset {name!r} is not known; expected one of {', '.join(table())}")
    return table()[name]


def _with(word: str, places: Mapping[str, str]) -> str:
    for place, path in places.items():
        word = word.replace(place, path)
    return word


def _version(known: Known) -> str:
    if known.module is not None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version(known.module)
        except PackageNotFoundError:
            return known.tried
    try:
        said = program.version_of(known.path(known.program))
    except Unavailable:
        return known.tried
    found = re.search(r"\d+\.[\w.]*\w", said)  # PRoot draws its name first
    return found[0] if found else known.tried
