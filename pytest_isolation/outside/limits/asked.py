"""The limits that a box was asked to have, and what the host has of them.

Not those that a check brings along (limits.LIMITED): what the user, or the owner of a box we attached to, asked for.
The spec says so of a box that we start; the engine's own record of one that somebody else did.  A limit is there when
the host's file of the box's group has it; whether it bites is tried where that hurts nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.spec import MIB
from pytest_isolation.errors import Unsupported

if TYPE_CHECKING:
    from pytest_isolation.outside.box import Box

What = Literal["memory", "pids", "cpus"]
Bounded = What | Literal["swap"]
"""What a box may have a limit on that it did not ask for."""

NOTHING_ASKED = "no limit was asked for"
MOST: dict[What, float] = {"memory": 256 * MIB, "pids": 400, "cpus": 1.0}
"""A limit up to this is pressed against: more the machine would feel, or the guard (launcher.GUARD) would stop."""
PAGES = 64 * 1024
"""The kernel rounds a limit of memory down to pages; the largest there are on arm64."""
IN_THE_GUEST = "a virtual machine has this limit in a control group of its guest, and in no file of the host's"


def need_asked(box: Box, what: What) -> float:
    """The limit on `what` that the box was asked to have: bytes, tasks, or processors.

    Raises Unsupported where none was asked for, and where the technology keeps it in no file of the host.
    """
    asked = box.parts.asked or Limits(memory=box.spec.memory, pids=box.spec.pids, cpus=box.spec.cpus)
    limit: float | None = getattr(asked, what)
    if limit is None:
        if box.spec.attached and box.parts.asked is None:
            raise Unsupported(f"{NOTHING_ASKED}, as far as is known: no record here has the limits of this box")
        raise Unsupported(
            f"{NOTHING_ASKED}: nothing of this box's own bounds its {_words(what)}",
            "start it with one" if box.spec.attached else f"give {what}= in its spec",
        )
    if box.parts.memory_overhead is not None and what != "cpus":
        raise Unsupported(IN_THE_GUEST)
    return limit


def _words(what: What) -> str:
    return {"memory": "memory", "pids": "number of processes", "cpus": "processor time"}[what]


def on_host(box: Box, what: What) -> float | None:
    """The limit on `what` in the host's file of the group that the box is in; None: no limit there.

    Raises Unsupported where the host sees no group of it, nor a process to ask after.
    """
    group = box.parts.group
    if group is None and box.parts.init_pid is not None:
        group = cgroups.group_of_process(box.parts.init_pid, box.parts.host)
        if group is None:
            return None  # in the root: the whole machine's
    if group is None:
        raise Unsupported("no control group of the host counts this box")
    limit: float | None = getattr(group.limits(), what)
    return limit


def is_as_asked(what: What, asked: float, found: float | None) -> bool:
    """Equal, but for what the kernel rounds: memory to pages, processor time to microseconds of a period."""
    if found is None:
        return False
    if what == "memory":
        return asked - PAGES < found <= asked
    return found == asked if what == "pids" else abs(found - asked) <= max(asked / 100, 0.001)


def may_press(box: Box, what: What, limit: float) -> bool:
    """Whether to go up to the limit: it is small, the box survives that, and is ours, or its owner allows it."""
    return (
        limit <= MOST[what]
        and box.parts.group is not None
        and not (box.parts.deadly_limits and what != "cpus")
        and (box.spec.intrusive or not box.spec.attached)
    )
