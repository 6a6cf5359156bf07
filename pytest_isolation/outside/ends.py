"""A box that is stopped, seen by its first process and by the host; and one that was started again, beside the first.

Each is made once for all examples and all guarantees that ask for it: it takes a box of its own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_isolation.agent.shortcuts import read_records, set_name
from pytest_isolation.boxes.mount_table import parse
from pytest_isolation.boxes.procfs import text_of
from pytest_isolation.errors import BoxError, Unsupported
from pytest_isolation.outside.confined import posture
from pytest_isolation.outside.keeping import kept
from pytest_isolation.outside.processes import ALL_SIGNALS, SIG_BLOCK

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Proc
    from pytest_isolation.outside.box import Box

__all__ = ["ASPECTS", "Aspect", "Restarted", "Stopped", "restarted", "stopped"]

LOOK_S, GONE_S = 0.05, 5.0
"""Between two looks of the first process; and how long a process that was killed may take to be gone."""
FILES = {
    "memory": ("memory", "memory.limit_in_bytes", "memory.max"),
    "processes": ("pids", "pids.max", "pids.max"),
    "processors": ("cpu", "cpu.cfs_quota_us", "cpu.max"),
}
"""Limit -> its controller, and its file in either version of control groups."""

T = TypeVar("T")


def _once(box: Box, key: str, make: Callable[[], T]) -> T:
    """What `make` gives, or the Unsupported that it raises, for all who ask by this key."""

    def tried() -> T | Unsupported:
        try:
            return make()
        except Unsupported as error:
            return error

    found = kept(box, key, tried)
    if isinstance(found, Unsupported):
        raise found.with_traceback(None)
    return found


# -- stopping --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of a box that was asked to end, and took no notice."""

    signals: tuple[int, ...]
    """That its first process was sent, in order."""
    lived: float
    """Seconds that the first process went on for after it was asked, at most: until its end was noticed.

    Its last answer says less on a busy machine, which lets neither it nor us run for a while.
    """
    took: float
    """Seconds that the technology's own command took."""
    left: int
    """Processes of the box that the host still had GONE_S after that."""


def stopped(box: Box, name: str, seconds: int) -> Stopped:
    """What became of a box that was asked to end by signal `name`, and given so many seconds, and took no notice.

    Raises Unsupported where its technology has no such command.
    """
    return _once(box, f"stopped {name} {seconds}", lambda: _stopped(box, name, seconds))


def _stopped(box: Box, name: str, seconds: int) -> Stopped:
    with box.fresh(awaited=False, stop_signal=name) as other:
        stop = other.parts.life.stop
        if stop is None:
            raise Unsupported(f"{box.spec.technology} has no command that stops a box and waits for its end")
        first, title = other.init, secrets.token_hex(7)
        first.rt_sigprocmask(SIG_BLOCK, ALL_SIGNALS)
        with ExitStack() as undo:
            for _ in range(2):
                _add_stubborn(first, title, undo)
            counted = other.parts.shares_kernel and bool(other.outside.named(title))
            with ThreadPoolExecutor(1) as beside:
                began = time.monotonic()
                stopping = beside.submit(stop, seconds)
                signals = _heard(first, stopping)
                noticed = time.monotonic()
                stopping.result()
                took = time.monotonic() - began
            return Stopped(signals, noticed - began, took, _left(other, title, counted))


def _add_stubborn(first: Proc, title: str, undo: ExitStack) -> None:
    """A child that blocks every signal, in a session of its own."""
    made = first.spawn()
    undo.callback(_forget, made)
    set_name(made, title)
    made.rt_sigprocmask(SIG_BLOCK, ALL_SIGNALS)
    made.setsid()


def _heard(first: Proc, stopping: Future[object]) -> tuple[int, ...]:
    """The signals that `first` is sent until it, or the command that stops its box, has ended."""
    signals: list[int] = []
    with suppress(BoxError):
        while not stopping.done():
            reply = first.rt_sigtimedwait(ALL_SIGNALS, LOOK_S)
            if reply.ok:
                signals.append(reply.value)
    return tuple(signals)


def _left(box: Box, title: str, counted: bool) -> int:
    """How many of the box's processes have not ended when each that was killed is gone."""
    deadline = time.monotonic() + GONE_S
    while True:
        left = (len(box.outside.named(title)) if counted else 0) + box.alive
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(LOOK_S)


def _forget(proc: Proc) -> None:
    with suppress(BoxError):
        proc.end()


# -- starting again ---------------------------------------------------------------------

Told = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that confines a box, and how it is seen."""

    slug: str
    what: str
    source: str
    does: str
    why: str
    asks: tuple[tuple[str, Any], ...] = ()
    """What the box is asked to have beside what it has by default."""
    is_share: bool = False
    """It is how much the box may take, and no layer between it and the kernel."""


ASPECTS = (
    Aspect("namespaces", "the same kinds of namespace to itself", "man:namespaces(7)",
           "is in a namespace of the host once started again", "namespaces, of whatever kind"),
    Aspect("mounts", "the same mounts, with the same options", "man:proc_pid_mountinfo(5)",
           "has other mounts once started again", "what lies in its root: masks, volumes, /proc"),
    Aspect("filter", "as many filters of system calls", "man:seccomp(2)",
           "filters other system calls once started again", "the filter"),
    Aspect("caps", "the same capabilities of each set", "man:capabilities(7)",
           "has other capabilities once started again", "what root in it may do"),
    Aspect("no-new-privs", "the same no_new_privs", "kernel:userspace-api/no_new_privs",
           "gains privileges once started again", "what its programs may gain"),
    Aspect("user", "the same user and groups", "man:credentials(7)",
           "runs as another user once started again", "who it is", (("uid", 1207), ("gid", 1208))),
    Aspect("limits", "the same resource limits", "man:setrlimit(2)",
           "has other resource limits once started again", "limits of each process, not of a group", is_share=True),
    Aspect("group", "the same limits of its control group", "man:cgroups(7)",
           "has other limits of memory once started again", "limits of all its processes together",
           (("memory", 96 << 20), ("pids", 200)), is_share=True),
    Aspect("oom-score", "the same oom_score_adj", "man:proc_pid_oom_score_adj(5)",
           "ends others for its memory once started again", "whom the kernel ends first",
           is_share=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Restarted:
    """How the first process of a box is confined, before its end and once started again."""

    before: Told
    after: Told


def restarted(box: Box, aspect: Aspect) -> Restarted:
    """How the first process of a box, and that of the same box started again, are confined.

    Raises Unsupported where nothing is kept of a box that has ended.
    """
    asks = {key: value for key, value in aspect.asks if getattr(box.spec, key) in (None, 0)}
    return _once(box, f"restarted {sorted(asks.items())}", lambda: _restarted(box, asks))


def _restarted(box: Box, asks: Mapping[str, Any]) -> Restarted:
    with box.fresh(awaited=False, stop_signal="SIGTERM", **asks) as other:
        if other.parts.life.again is None:
            other.restarted()  # says why not
        before = told(other)
        return Restarted(before, told(other.restarted()))


def told(box: Box) -> Told:
    """How the first process of `box` is confined: what is compared, by the slug of an aspect."""
    pid, inside = box.parts.init_pid, dict(posture.told_by(box.init))
    found: dict[str, Mapping[str, str]] = dict(inside)
    if pid is not None and box.parts.shares_kernel:
        found |= {slug: had for slug, had in posture.seen(box, pid).items() if had}
        with box.parts.host.start("outside") as one:
            hosts = posture.told_by(one.proc)["namespaces"]
        found["namespaces"] = {
            kind: "the host's" if link == hosts.get(kind) else "its own" for kind, link in found["namespaces"].items()
        }
    else:
        found.pop("namespaces", None)
    return found | {"mounts": _mounts(box), "group": _limits(box)}


def _mounts(box: Box) -> Mapping[str, str]:
    """Mount point -> type and options of what is mounted there, the uppermost."""
    table = b"".join(reply.data for reply in read_records(box.init, "/proc/self/mountinfo") if reply.ok)
    return {mount.point: f"{mount.fstype} {mount.flags}" for mount in parse(table.decode(errors="replace"))}


def _limits(box: Box) -> Mapping[str, str]:
    """Limit -> what its file says on the host."""
    found: dict[str, str] = {}
    for name, names in FILES.items():
        file = box.parts.group.file(*names) if box.parts.group is not None else None
        if file is not None:
            with suppress(OSError):
                found[name] = text_of(file).strip()
    return found
