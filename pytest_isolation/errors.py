"""Every error of pytest-isolation.

    IsolationError
    ├── UsageError        something was written wrongly        -> the run stops before it starts
    ├── Unavailable       this machine cannot start the box    -> skipped, with the reason
    ├── Unsupported       this box cannot be asked that        -> verdict `unsupported`
    └── BoxError          the bench broke                      -> verdict `inconclusive`
        ├── AgentLost     the agent's channel is gone
        │   └── WireError what came over it is not the agent's
        └── ProcLost      a process of the agent has ended

    Violation             the box broke its promise            -> verdict `violated`

`Violation` is an AssertionError and nothing else is one: whatever else a check raises says
something about the bench, never about the box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class IsolationError(Exception):
    """The base of all but Violation."""


class UsageError(IsolationError):
    """An option, a box or a check is written wrongly: says what was given, expected, and what to do."""


class Unavailable(IsolationError):
    """A technology cannot run on this machine.

    `reason` is one sentence; `remedy` is what the user can do, or empty when nothing helps.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy


class Unsupported(IsolationError):
    """A box cannot be asked a question: no such limit, no network, nothing to witness it with."""


class BoxError(IsolationError):
    """The bench broke: what was measured says nothing about the box."""


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

    `observed` is plain data (JSON-able): the witness's observation; `calls` are the calls that led
    to it, as text.
    """

    def __init__(
        self, guarantee: str, message: str, calls: Sequence[str] = (), observed: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.guarantee = guarantee
        self.calls = tuple(calls)
        self.observed = dict(observed or {})
