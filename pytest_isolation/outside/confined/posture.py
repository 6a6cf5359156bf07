"""How a process is confined: what the kernel says of it in /proc, by what confines it.

Read whole: every link of /proc/PID/ns, every line of limits and cgroup, every field of status that has to do with it.
A namespace, a limit or a field that a later kernel has is compared on the day it is there.
Sources: proc_pid_ns(5), proc_pid_status(5), proc_pid_limits(5), proc_pid_cgroup(5), proc_pid_attr(5), prlimit(2).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.client import Proc, Program
from pytest_isolation.agent.constants import AT_FDCWD, PR
from pytest_isolation.agent.shortcuts import listing, set_name
from pytest_isolation.boxes.cgroups import memberships
from pytest_isolation.boxes.procfs import fields_of, text_of
from pytest_isolation.boxes.weakenings import Weakening, drop
from pytest_isolation.errors import BoxError, Undecided, Unsupported
from pytest_isolation.outside.keeping import kept

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent
    from pytest_isolation.outside.box import Box

FILES = ("status", "limits", "cgroup", "attr/current", "oom_score_adj")
RESOURCES = 32
"""Numbers of resources that are asked about: a kernel of today has 16, and refuses the others."""

Posture = Mapping[str, Mapping[str, str]]
"""Slug of an aspect -> what it is called -> what the kernel says, as text."""


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that confines a process."""

    slug: str
    what: str
    """A noun: a process that enters "has ... of the first process"."""
    source: str
    hole: Weakening
    does: str
    """What a box does whose visitors are confined otherwise: severity's phrase."""
    why: str
    """What it tells of that the others do not."""
    box: Mapping[str, Any] = field(default_factory=dict)
    """What the box must be asked to have, for the aspect to differ from a default."""

    def told(self, posture: Posture) -> Mapping[str, str]:
        """What `posture` has of this aspect: name -> value; empty where it was not read."""
        return posture.get(self.slug, {})


ASPECTS = (
    Aspect(
        "namespaces",
        "the namespaces of each kind",
        "man:namespaces(7)",
        drop("exec-namespaces"),
        "lets a process that enters stay in a namespace of the host",
        "each kind of namespace, whatever is reached by it",
    ),
    Aspect(
        "root",
        "the root directory and the mounts",
        "man:proc_pid_root(5)",
        drop("exec-root"),
        "gives a process that enters another root directory",
        "the root, which is no namespace and is not joined with one",
    ),
    Aspect(
        "filter",
        "the system call filters",
        "man:seccomp(2)",
        drop("exec-filter"),
        "lets a process that enters make calls that it filters",
        "that a process that enters is filtered alike, whatever is filtered",
    ),
    Aspect(
        "caps",
        "the capabilities of each set",
        "man:capabilities(7)",
        drop("exec-capabilities"),
        "gives a process that enters capabilities it has dropped",
        "a process that enters; that the first process has none is for others",
    ),
    Aspect(
        "no-new-privs",
        "the no_new_privs",
        "kernel:userspace-api/no_new_privs",
        drop("exec-no-new-privs"),
        "lets a process that enters gain privileges by a program",
        "a process that enters; the first process may have been told so alone",
    ),
    Aspect(
        "user",
        "the user ids, group ids and supplementary groups",
        "man:credentials(7)",
        drop("exec-user"),
        "makes a process that enters root, whatever its own user",
        "the user of a process that enters a box that has one of its own",
        {"uid": 1207, "gid": 1208},
    ),
    Aspect(
        "limits",
        "the soft and hard resource limits",
        "man:setrlimit(2)",
        drop("exec-limits"),
        "gives a process that enters other resource limits",
        "limits of a process, not of the group that it is in",
    ),
    Aspect(
        "cgroup",
        "the control groups of each hierarchy, or groups below them,",
        "man:cgroups(7)",
        drop("exec-group"),
        "leaves a process that enters out of a control group",
        "each hierarchy, also those that count nothing: devices, freezer",
    ),
    Aspect(
        "label",
        "the label of the kernel's security module",
        "man:proc_pid_attr(5)",
        drop("exec-label"),
        "lets a process that enters run under another label",
        "the label, which no other limit stands in for",
    ),
    Aspect(
        "oom-score",
        "the oom_score_adj",
        "man:proc_pid_oom_score_adj(5)",
        drop("exec-oom-score"),
        "ends others first for the memory of a process that enters",
        "whom the kernel ends when memory runs out",
    ),
)


class _Standing:
    """Who came in through the box's door, kept for all examples: each entry takes a program of the engine's."""

    def __init__(self) -> None:
        self.agents: list[Agent] = []
        self.first: list[tuple[str, Posture]] | None = None

    def close(self) -> None:
        for agent in self.agents:
            agent.close()


class _Beside:
    """Another box from the same spec, but for what an aspect asks of it, kept for all examples."""

    def __init__(self, box: Box, aspect: Aspect) -> None:
        self._undo = ExitStack()
        self.box = self._undo.enter_context(box.fresh(**aspect.box))

    def close(self) -> None:
        self._undo.close()


def asked(box: Box, aspect: Aspect) -> Box:
    """`box` where that has a user of its own, or is somebody else's; else one like it, as the aspect asks for it.

    Raises Unsupported where nobody can enter it: then no other is started.
    """
    if not aspect.box or box.spec.attached or box.spec.uid:
        return box
    if box.parts.enter is None:
        raise Unsupported(f"{box.spec.technology} has no way into a running box")
    key = f"beside for {aspect.slug}"
    made: _Beside | None = box.witnesses.get(key)
    if made is None or not made.box.alive:
        made = box.witnesses[key] = _Beside(box, aspect)
    return made.box


def entered(box: Box, nth: int) -> Proc:
    """The process that came `nth` (from 0) through the box's door.  Raises Unsupported where there is no door."""
    standing = kept(box, "entered", _Standing)
    while len(standing.agents) <= nth:
        standing.agents.append(box.enter().agent)
    return standing.agents[nth].proc


def first_of(box: Box) -> list[tuple[str, Posture]]:
    """How the first process of the box is confined, by who says so: "host", and "box" for the process itself.

    Raises Unsupported where neither can be asked.
    """
    standing = kept(box, "entered", _Standing)
    if standing.first is None:
        found = []
        if _is_seen(box):
            assert box.parts.init_pid is not None
            found.append(("host", seen(box, box.parts.init_pid)))
        if not box.spec.attached:
            found.append(("box", _inherited(box.init)))
        if not found:
            raise Unsupported("the first process is its own program, and its machine has no number for it")
        standing.first = found
    return standing.first


def _inherited(proc: Proc) -> Posture:
    """What `proc` says of itself and a child of its own says as well.

    The rest is no news of another process: a kernel may name things that are one process' own (gVisor's namespaces).
    """
    mine = told_by(proc)
    with _child(proc) as child:
        its = told_by(child)
    return {
        slug: {name: value for name, value in had.items() if its[slug].get(name) == value} for slug, had in mine.items()
    }


def _child(proc: Proc) -> Proc:
    child, reply = proc.try_spawn()
    if child is None:
        raise Undecided(f"the box does not let us have a process of our own ({reply})")
    return child


def posture_of(box: Box, proc: Proc) -> dict[str, Posture]:
    """How `proc`, a process of ours in the box, is confined, by who says so, as in first_of().

    Raises Undecided where nobody does: in a PID namespace of another box it is nobody in its /proc.
    """
    found: dict[str, Posture] = {}
    try:
        found["box"] = told_by(proc)
    except Undecided:
        if not _is_seen(box):
            raise
    if _is_seen(box):
        name = f"posture-{secrets.token_hex(3)}"
        set_name(proc, name)
        pids = box.outside.named(name)
        if len(pids) != 1:
            raise BoxError(f"{len(pids)} processes of the host are called {name}, as ours in the box is; expected one")
        found["host"] = seen(box, pids.pop())
    return found


def _is_seen(box: Box) -> bool:
    return box.parts.init_pid is not None and box.parts.shares_kernel


def told_by(proc: Proc) -> Posture:
    """What /proc/self and a few calls say to a process of the box.  Raises Undecided without /proc."""
    program = Program()
    texts = {}
    for name in FILES:
        fd = program.openat(AT_FDCWD, f"/proc/self/{name}", os.O_RDONLY | os.O_CLOEXEC)
        texts[name] = program.read(fd, 16384)
        program.close(fd)
    links = {kind: program.readlinkat(AT_FDCWD, f"/proc/self/ns/{kind}") for kind in listing(proc, "/proc/self/ns")}
    root = program.statx(AT_FDCWD, "/", 0)
    limits = [program.prlimit64(0, number) for number in range(RESOURCES)]
    secure, privileges = program.prctl(PR.GET_SECUREBITS), program.prctl(PR.GET_NO_NEW_PRIVS, 0)
    replies = proc.run(program)
    files = {name: replies[step].data.decode(errors="replace") for name, step in texts.items() if replies[step].ok}
    if not files.get("status"):
        raise Undecided("a process of the box cannot read /proc/self/status")
    found = _parsed(files)
    found["namespaces"] = {kind: os.fsdecode(replies[step].data.rstrip(b"\0")) for kind, step in links.items()}
    found["limits"] = {
        f"resource {number}": f"{int.from_bytes(reply.data[:8], 'little')}:{int.from_bytes(reply.data[8:16], 'little')}"
        for number, reply in ((number, replies[step]) for number, step in enumerate(limits))
        if reply.ok
    }
    if replies[secure].ok:
        found["caps"]["securebits"] = str(replies[secure].value)
    if replies[privileges].ok:
        found["no-new-privs"]["prctl"] = str(replies[privileges].value)
    inode = replies[root].data
    found["root"] = {
        "directory": f"{inode[136:144].hex()}:{int.from_bytes(inode[32:40], 'little')}",
        "mounts": found["namespaces"].get("mnt", ""),
    }
    return found


def seen(box: Box, pid: int) -> Posture:
    """What the host's /proc says of its process `pid`.  Raises BoxError where it has ended."""
    place = box.outside.path("/proc", str(pid))
    files = {}
    for name in FILES:
        with suppress(OSError):
            files[name] = text_of(place / name)
    if not files.get("status"):
        raise BoxError(f"process {pid} of the host, which is one of the box's, has ended")
    found = _parsed(files)
    with suppress(PermissionError):  # of another user's process: the box itself is asked as well
        found["namespaces"] = {link.name: str(link.readlink()) for link in sorted((place / "ns").iterdir())}
        root = (place / "root").stat()
        found["root"] = {"directory": f"{root.st_dev}:{root.st_ino}", "mounts": found["namespaces"].get("mnt", "")}
    return found


def _parsed(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    status = {key: " ".join(value.split()) for key, value in fields_of(files["status"]).items()}

    def these(wanted: Callable[[str], bool]) -> dict[str, str]:
        return {key: value for key, value in status.items() if wanted(key)}

    ids = these(lambda key: key in ("Uid", "Gid"))
    gids = status.get("Gid", "").split()
    limits = files.get("limits", "").splitlines()[1:]
    return {
        "filter": these(lambda key: key.startswith("Seccomp")),
        "caps": these(lambda key: key.startswith("Cap")),
        "no-new-privs": these(lambda key: key == "NoNewPrivs"),
        # The group that a process is of anyway, some engines name among the supplementary ones as well.
        "user": {**ids, "groups": " ".join(sorted({*status.get("Groups", "").split(), *gids}, key=int))},
        "limits": {line[:26].strip(): ":".join(line[26:].split()[:2]) for line in limits},
        "cgroup": {",".join(controllers): path for controllers, path in memberships(files.get("cgroup", ""))},
        "label": {"label": label} if (label := files.get("attr/current", "").strip("\0\n ")) else {},
        "oom-score": {"oom_score_adj": files["oom_score_adj"].strip()} if files.get("oom_score_adj") else {},
    }


def differences(aspect: Aspect, first: Posture, other: Posture) -> dict[str, str] | None:
    """What is not as the first process has it -> both values, as text; None where either may not be looked at.

    A group below the first process' own is its.
    """
    had, has = aspect.told(first), aspect.told(other)
    if not had or not has:
        return None
    found: dict[str, str] = {}
    for name, before in sorted(had.items()):
        now = has.get(name, "none")
        below = aspect.slug == "cgroup" and now.startswith(before.rstrip("/") + "/") and not now.startswith("/..")
        if now != before and not below:
            found[name] = f"{before} of the first process, {now} of who entered"
    return found
