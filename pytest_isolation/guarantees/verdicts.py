"""The closed sets of words a row of the report is made of."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from pytest_isolation.door import Door


class Verdict(StrEnum):
    """What a check found out about a box."""

    HOLDS = "holds"
    VIOLATED = "violated"
    VACUOUS = "vacuous"
    """It held, but the check stayed silent on a box with exactly the hole that must break it."""
    INCONCLUSIVE = "inconclusive"
    """The bench broke, or a measure did not reach significance: says nothing about the box."""
    UNSUPPORTED = "unsupported"
    """The box cannot be asked that."""


class How(StrEnum):
    """How a promise held."""

    ISOLATED = "isolated"
    """The call worked, on something of the box's own."""
    REFUSED = "refused"
    """The kernel, or a filter, said no."""
    ABSENT = "absent"
    """What was reached for does not exist in the box."""


class Layer(StrEnum):
    """What of a box refuses a call."""

    SECCOMP = "seccomp"
    LSM = "lsm"
    DEVICE_GROUP = "device-group"
    MOUNT = "mount"
    NAMESPACE = "namespace"
    CAPABILITY = "capability"
    KERNEL = "kernel"
    """It refuses that of root outside of all boxes, too."""
    UNKNOWN = "unknown"
    """It stayed refused in each box that was tried."""


class Oracle(StrEnum):
    """What decided the examples."""

    WITNESS = "witness"
    RECEIPT = "receipt"
    ERRNO = "errno"


class Claim(StrEnum):
    """What a technology's own documents say about a guarantee."""

    PROMISED = "promised"
    CONDITIONAL = "conditional"
    """Promised for some box specs: never in a row, which says promised or disclaimed for the box at hand."""
    DISCLAIMED = "disclaimed"
    SILENT = "silent"


class Control(StrEnum):
    """What the check did on a box with the hole that must break it."""

    FIRED = "fired"
    SILENT = "silent"
    NONE = "none"
    """Nothing on this machine, or for this user, can open the hole."""


class Outcome(StrEnum):
    """What pytest says about a row."""

    PASSED = "passed"
    FAILED = "failed"
    XFAILED = "xfailed"
    SKIPPED = "skipped"


class Key(NamedTuple):
    """What a row of the report is known by."""

    box: str
    guarantee: str
    door: Door
    """start or exec."""
    sibling: str | None
    """The box beside it, of a pair."""
