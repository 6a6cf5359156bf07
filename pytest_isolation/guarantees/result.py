"""What became of a property: what its examples were, what broke the promise, and what an error says of that."""

from __future__ import annotations

import os
import re
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pytest_isolation.agent.program import Reply
from pytest_isolation.errors import (
    NOT_ROOT,
    AgentLost,
    BoxError,
    Lacking,
    ProcLost,
    Unsupported,
    Violation,
)
from pytest_isolation.guarantees.guarantee import Notes

E = TypeVar("E", bound=BaseException)


@dataclass(frozen=True, slots=True)
class Program:
    """What an example that broke the promise has done."""

    calls: tuple[str, ...] = ()
    """The system calls made in the box with their results, in order."""
    proof: tuple[int, ...] = ()
    """Which of `calls` the check named, counted from 0: by the reply itself, for two calls may read alike."""
    others: tuple[str, ...] = ()
    """What it named besides: calls of other processes, and texts."""

    @classmethod
    def of(cls, made: Sequence[Reply], told: Sequence[object]) -> Program:
        """`made`: the replies of the example.  `told`: what require() was given."""
        numbers = {id(reply): number for number, reply in enumerate(made)}
        return cls(
            calls=tuple(map(str, made)),
            proof=tuple(sorted({numbers[id(one)] for one in told if id(one) in numbers})),
            others=tuple(str(one) for one in told if id(one) not in numbers),
        )


@dataclass(slots=True)
class PropertyResult:
    """What became of a property: `violation` is set when it was broken, `trouble` when nothing can be said."""

    examples: int = 0
    undecided: Counter[str] = field(default_factory=Counter)
    """Why examples came to no question, and how many did for each reason."""
    violations: int = 0
    exhausted: bool = False
    violation: Violation | None = None
    unsupported: Lacking | None = None
    trouble: str | None = None
    lost: bool = False
    """The trouble: a process of the box that the check had need of has ended."""
    notes: Notes = field(default_factory=Notes)
    arguments: dict[str, str] = field(default_factory=dict)
    program: Program = Program()

    @property
    def decided(self) -> int:
        """How many examples came to an answer."""
        return self.examples - self.undecided.total()

    @property
    def reasons(self) -> str:
        """Why the others did not, the most frequent first; "" without any."""
        return "; ".join(why for why, _ in self.undecided.most_common())


class Enough(BaseException):
    """What one example is enough for.  No Exception: Hypothesis would run the input again, and then once more.

    That is the violation of a run that is not to be confirmed, and what the box or its machine lacks: another input
    would lack the same thing.
    """

    def __init__(self, error: Violation | Lacking) -> None:
        super().__init__(error)
        self.error = error


def classify(error: BaseException, ran: PropertyResult, file: str) -> None:
    """Say in `ran` what an error means that ended it; `file`: the check's."""
    if isinstance(error, Enough):
        error = error.error
    if (violation := _find(Violation, error)) is not None:
        ran.violation = violation
    elif (broken := _find(BoxError, error)) is not None:
        ran.trouble = str(broken)
        ran.lost = isinstance(broken, AgentLost | ProcLost)
    elif isinstance(error, Unsupported):
        ran.unsupported = error
    elif (kept := _kept_from_this_user(_first(error))) is not None:
        ran.unsupported = kept
    else:
        first = _first(error)
        ran.trouble = f"{type(first).__name__}: {' '.join(str(first).split())}{_place(first, file)}"


def _kept_from_this_user(error: BaseException) -> Unsupported | None:
    """What the machine lets who may trace a process, or rule its group, have: of a daemon's box nobody but root."""
    if (
        not isinstance(error, PermissionError)
        or not str(error.filename).startswith(("/proc/", "/sys/"))
        or os.geteuid() == 0
    ):
        return None
    what = re.sub(r"^/proc/\d+/", "/proc/PID/", str(error.filename))
    return Unsupported(f"{what} of the machine, which tells of the box or rules it, is not this user's", cause=NOT_ROOT)


def _place(error: BaseException, file: str) -> str:
    """ " (test_mine.py:12: os.kill(pid))": where the check was when somebody raised; "" when it was not in its file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f" ({Path(file).name}:{frames[-1].lineno}: {frames[-1].line})" if frames else ""


def _first(error: BaseException) -> BaseException:
    """What the check raised, when Hypothesis only reports that it did not raise it again."""
    if isinstance(error, BaseExceptionGroup) and type(error).__module__.startswith("hypothesis"):
        return _first(error.exceptions[0])
    return error


def _find(kind: type[E], error: BaseException | None) -> E | None:
    """What was raised once was raised, whether or not it could be reproduced (Hypothesis wraps it in a group then)."""
    if isinstance(error, kind):
        return error
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            if (found := _find(kind, part)) is not None:
                return found
    if error is not None and type(error).__module__.startswith("hypothesis"):
        return _find(kind, error.__cause__ or error.__context__)
    return None
