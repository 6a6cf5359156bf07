"""A process by its number in a box, and by its host's (pid_namespaces(7))."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.boxes.cgroups import Group


def on_host(pid: int, first: int) -> int | None:
    """The host's number of the process that has `pid` in the PID namespace of `first`, a process by its host's number.

    None where nobody can see one.  Source: man:proc_pid_status(5), NSpid: the numbers from the reader's namespace to
    the process' own; that of a process deeper down has one for each namespace between.
    """
    own = _namespace(first)
    if own == _namespace("self"):
        return pid
    depth = len(_numbers(first))
    for entry in os.listdir("/proc"):
        found = _numbers(entry) if entry.isdigit() else []
        if depth and len(found) >= depth and found[depth - 1] == pid and _lives_in(entry, own, depth):
            return int(entry)
    return None


class Inside(Group):
    """A group that holds an outer box, as the group of the inner one: its processes are the inner one's alone."""

    def __init__(self, group: Group, first: int) -> None:
        """`first`: the first process of the inner box, by the host's number, in a PID namespace of its own."""
        super().__init__(group.path, group.places)
        self._namespace, self._depth = _namespace(first), len(_numbers(first))

    def pids(self) -> set[int]:
        """As Group.pids(), of the inner box alone."""
        return {pid for pid in super().pids() if _lives_in(pid, self._namespace, self._depth)}


class But(Group):
    """The same for an inner box whose processes have no numbers of the host's: all but those that run `programs`."""

    def __init__(self, group: Group, programs: Iterable[str | os.PathLike[str]]) -> None:
        super().__init__(group.path, group.places)
        self._programs = {one for path in programs if (one := _file(path)) is not None}

    def pids(self) -> set[int]:
        """The host's numbers of the group's processes, without those that run one of the programs."""
        return {pid for pid in super().pids() if _file(f"/proc/{pid}/exe") not in self._programs}


def of_inner(group: Group | None, first: int | None, outer: int, programs: Iterable[str]) -> Group | None:
    """`group`, which holds the box whose first process is `outer`, as the group of the box in it.

    `programs`: paths in the outer box of what starts the inner one and speaks to it.
    """
    if group is None:
        return None
    if first is None:
        paths = [Path(f"/proc/{outer}/root{path}") for path in programs]
        return But(group, (agent_binary(), f"/proc/{outer}/exe", *paths))
    return group if _namespace(first) in ("", _namespace(outer)) else Inside(group, first)


def _lives_in(pid: int | str, namespace: str, depth: int) -> bool:
    """Whether the process lives in the PID namespace, `depth` deep, or in one below it: an ancestor of its does."""
    seen: set[str] = set()
    at = str(pid)
    while at not in ("", "0") and at not in seen:
        seen.add(at)
        if len(_numbers(at)) <= depth:
            return _namespace(at) == namespace
        at = _parent(at)
    return False


def _file(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _status(pid: int | str) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it has ended


def _numbers(pid: int | str) -> list[int]:
    found = re.search(r"^NSpid:\t(.*)$", _status(pid), re.MULTILINE)
    return [int(word) for word in found[1].split()] if found else []


def _parent(pid: int | str) -> str:
    found = re.search(r"^PPid:\t(.*)$", _status(pid), re.MULTILINE)
    return found[1] if found else ""


def _namespace(pid: int | str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""
