"""What a broken guarantee lets happen: how far it reaches, and what the box then does.

    guarantee("pid.signal-out-refused", ..., severity=severity.host("signals processes of the host"), ...)

The phrase completes "a box that breaks it ...": a verb in the third person, no full stop, 60 letters at most.  It is
what a result says to somebody who has never heard of the guarantee.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_isolation.errors import UsageError

__all__ = ["Consequence", "Severity", "host", "learns", "neighbour", "portability", "surface", "use"]

LONGEST = 60
"""Letters of a phrase: two of them, and what is around them, are a line."""


class Severity(StrEnum):
    """How far it reaches, the worst first.

    The order is that of a multi-tenant host's threats in NIST SP 800-190, 3.4 and 3.5: out of the box to the host or to
    another workload, then what makes that easier, then what is learned, then what is used up, then what only differs.
    What takes a second step, by an error of the kernel or by somebody outside who uses what the box has left, is what
    makes it easier: a user of the host must start the setuid program that lies in a directory that was handed in.
    """

    HOST = "host"
    NEIGHBOUR = "neighbour"
    SURFACE = "attack-surface"
    LEARNS = "learns"
    USE = "use"
    PORTABILITY = "portability"


TITLES = {
    Severity.HOST: "reaches the host",
    Severity.NEIGHBOUR: "reaches a neighbour",
    Severity.SURFACE: "opens more of the kernel",
    Severity.LEARNS: "learns of the host",
    Severity.USE: "exceeds its share",
    Severity.PORTABILITY: "behaves differently",
}
MEANINGS = {
    Severity.HOST: "code inside acts on what is the host's: a process, file, device or service, or reads its secrets",
    Severity.NEIGHBOUR: "code inside acts on another box, or on another machine beside the host, or is reached by one",
    Severity.SURFACE: "nothing outside is touched, but a layer of defence is gone: what gets past the next one is out",
    Severity.LEARNS: "code inside is told of the host, its processes, its network or whoever started it",
    Severity.USE: "code inside takes memory, time or processes beyond its limit, or leaves something behind",
    Severity.PORTABILITY: "a program may behave differently in this box than in another; nothing gets out",
}


@dataclass(frozen=True, slots=True)
class Consequence:
    """Of a broken guarantee."""

    severity: Severity
    phrase: str
    """ "signals processes of the host": completes "a box that breaks it ..."."""


def host(phrase: str) -> Consequence:
    """It acts on what is the host's, or reads its secrets."""
    return _checked(Severity.HOST, phrase)


def neighbour(phrase: str) -> Consequence:
    """It acts on another box or on a machine beside the host, or is reached by one."""
    return _checked(Severity.NEIGHBOUR, phrase)


def surface(phrase: str) -> Consequence:
    """Nothing outside is touched, and a layer of defence is gone."""
    return _checked(Severity.SURFACE, phrase)


def learns(phrase: str) -> Consequence:
    """It is told of the host or of whoever started it."""
    return _checked(Severity.LEARNS, phrase)


def use(phrase: str) -> Consequence:
    """It takes more than its limit, or leaves something behind."""
    return _checked(Severity.USE, phrase)


def portability(phrase: str) -> Consequence:
    """A program may behave differently; nothing gets out."""
    return _checked(Severity.PORTABILITY, phrase)


def _checked(severity: Severity, phrase: str) -> Consequence:
    """Raises UsageError for what is no phrase."""
    if not isinstance(phrase, str) or not phrase.strip() or phrase.endswith(".") or len(phrase) > LONGEST:
        raise UsageError(
            f"severity.{severity.name.lower()}({phrase!r}): expected what a box that breaks it does, as a verb in the "
            f'third person without a full stop, {LONGEST} letters at most: "signals processes of the host"'
        )
    return Consequence(severity, phrase)
