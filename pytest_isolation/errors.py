"""Every error of pytest-isolation.

    IsolationError
    ├── UsageError        something was written wrongly        -> the run stops before it starts
    ├── Lacking           something is not there
    │   ├── Unavailable   this machine cannot start the box    -> skipped, with the reason
    │   │   └── NotStarted    found out by starting it             -> the box is unavailable, once
    │   └── Unsupported   this box cannot be asked that        -> verdict `unsupported`
    ├── Undecided         an example that asked nothing    -> it does not count
    └── BoxError          the bench broke                      -> verdict `inconclusive`
        ├── AgentLost     the agent's channel is gone
        │   └── WireError what came over it is not the agent's
        ├── WentAway      a box that stood stands no longer
        └── ProcLost      a process of the agent has ended

    Violation             the box broke its promise            -> verdict `violated`

`Violation` is an AssertionError and nothing else is one: whatever else a check raises says
something about the bench, never about the box.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_isolation.door import Door


def in_one_line(error: BaseException) -> str:
    """What an error says, whatever the tool that it quotes has written; the error's type where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


class IsolationError(Exception):
    """The base of all but Violation."""


class UsageError(IsolationError):
    """An option, a box or a check is written wrongly: says what was given, expected, and what to do."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What many boxes and checks lack for one and the same reason, and the one thing to do about it.

    Reports show those together that have the same.
    """

    what: str
    remedy: str


NOT_ROOT = Cause(
    "only root may do that to this host: mounts, links, loop devices, other users' files and namespaces", "run as root"
)
NO_RIGHT = Cause("the example needs ids, or rights on this host's kernel, that this user does not have", "run as root")
ONE_ID = Cause(
    "without root, such a box has one user and one group: this user's own",
    "run as root; or measure podman, whose rootless boxes have the ids of /etc/subuid",
)
NO_CONTROL_GROUPS = Cause(
    "this user may not make control groups, so nothing limits a box or counts what is in it",
    "run as root; or, on a host with cgroup v2, in a group that is this user's: "
    "systemd-run --user --scope -p Delegate=yes pytest --isolation",
)


def unless_root(cause: Cause) -> Cause | None:
    """`cause`, or None for root: root has the privilege, so the cause must be another one."""
    return None if os.geteuid() == 0 else cause


@dataclass(frozen=True, slots=True)
class Lack:
    """What a report says of a box or a row that something is not there for."""

    reason: str
    """One sentence."""
    remedy: str | None = None
    """What the user can do."""
    cause: str | None = None
    """What it has in common with other boxes and rows that the same remedy helps."""


class Lacking(IsolationError):
    """Something a box or a check needs is not there.

    `reason` is one sentence; `remedy` is what the user can do: the cause's, where there is a cause; empty when
    nothing helps.
    """

    def __init__(self, reason: str, remedy: str = "", *, cause: Cause | None = None) -> None:
        remedy = cause.remedy if cause is not None else remedy
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy
        self.cause = cause

    @property
    def lack(self) -> Lack:
        """As a report says it."""
        return Lack(self.reason, self.remedy or None, self.cause.what if self.cause is not None else None)


class Unavailable(Lacking):
    """A technology cannot run on this machine."""


class NotStarted(Unavailable):
    """No box of a spec can be started, or entered through `door`: found out by trying, once in a run."""

    def __init__(self, box: str, door: Door, error: Exception) -> None:
        lacking = error if isinstance(error, Lacking) else None
        other = f"mend that, or leave {box} out of the run"
        if isinstance(error, Unsupported) and door is Door.EXEC:
            other = "leave door=exec out: the box is measured as it starts"
        super().__init__(
            lacking.reason if lacking else in_one_line(error),
            (lacking.remedy if lacking else "") or other,
            cause=lacking.cause if lacking else None,
        )
        self.box, self.door = box, door


class Unsupported(Lacking):
    """A box cannot be asked a question: no such limit, no network, nothing to witness it with."""


class Undecided(IsolationError):
    """An example of a check came to no question: what it prepared was refused, or its call aimed at nothing."""


class BoxError(IsolationError):
    """The bench broke: what was measured says nothing about the box."""


class WentAway(BoxError):
    """A box that stood in this run, and can be had no longer: its container was stopped, its daemon, its process."""


class AgentLost(BoxError):
    """The agent no longer answers."""


class WireError(AgentLost):
    """What came over the channel cannot have come from the agent."""


class ProcLost(BoxError):
    """A process of the agent ended; `status` is its wait status, or None when nobody could wait."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Violation(AssertionError):
    """The one exception that means: the box broke its promise.

    `observed` is plain data (JSON-able): the witness's observation; `told` are the replies that led to it, and texts
    for what no reply tells; `calls` are the same as text.
    """

    def __init__(
        self, guarantee: str, message: str, told: Sequence[object] = (), observed: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.guarantee = guarantee
        self.told = tuple(told)
        self.calls = tuple(map(str, told))
        self.observed = dict(observed or {})
