"""Asking for a layer of isolation that cannot be had here: a filter that does not load, a label where no module is.

Further.lacking of a technology that can be asked has for each layer how it is asked for, in its own words.  The hole
drop("fails-closed") is a launcher that leaves out, without a word, what it cannot do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from pytest_isolation.boxes.weakenings import drop
from pytest_isolation.errors import Unsupported
from pytest_isolation.technologies.base import further

if TYPE_CHECKING:
    from pytest_isolation.boxes.spec import BoxSpec, Unobtainable
    from pytest_isolation.technologies.base import Technology

__all__ = ["NOUNS", "TAKEN", "check_lacking", "in_vain", "taken_name"]

NOUNS: Mapping[str, str] = {
    "filter": "a filter of system calls",
    "apparmor": "a profile of AppArmor",
    "selinux": "a context of SELinux",
    "user": "a user by name",
    "device": "a device of the host",
    "rlimit": "a limit of its processes",
    "processors": "processors by number",
    "disk": "a limit on reading a disk",
    "network": "a network by name",
    "namespace": "a namespace that there is already",
    "sysctl": "a setting of the kernel",
    "capability": "a capability to be taken away",
    "hook": "a program that is run before it starts",
    "taken-name": "a name",
}
"""Layer -> what is asked for, as a noun."""

TAKEN = "taken-name"
"""The layer that is a name: of another box, which a second cannot have."""

T = TypeVar("T")
Words = Mapping[str, Callable[["Unobtainable"], T]]


def check_lacking(technology: Technology, spec: BoxSpec) -> None:
    """Raises Unsupported where `spec` asks for what the technology has no words for: never passed over."""
    if spec.reaper and drop("reaper") not in technology.weakenings():
        raise Unsupported(f"no box of {spec.technology} here is given a first process that waits for orphans")
    if spec.lacking is not None and spec.lacking.layer not in further(technology).lacking:
        raise Unsupported(f"{spec.technology} cannot be asked for {NOUNS[spec.lacking.layer]}")


def taken_name(spec: BoxSpec) -> str | None:
    """The name of another box that this one is to be called by; None where it is to have its own."""
    asked = spec.lacking
    return asked.name if asked is not None and asked.layer == TAKEN and not spec.has(drop("fails-closed")) else None


def in_vain(spec: BoxSpec, words: Words[T]) -> T | None:
    """What to ask for, by `words`; None where nothing of the kind is asked for, or the hole leaves it out."""
    if spec.lacking is None or spec.has(drop("fails-closed")):
        return None
    return words[spec.lacking.layer](spec.lacking)
