"""A box in a box: `--box bubblewrap@docker` starts bubblewrap's box inside one of Docker's.

The inner box is started by its own technology, which runs in the outer box (inside.py) as it would run on a host.
Outside of it is the host of the outer one.  What a check asks of the box, the inner one is asked; limits are the outer
one's to keep, where it has any.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.caller import NOBODY
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.host import LOCAL_HOST
from pytest_isolation.boxes.weakenings import Weakenings, unlimited
from pytest_isolation.errors import BoxError, Lacking, Unavailable, Unsupported, in_one_line
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import technology
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box
from pytest_isolation.technologies.building import Building
from pytest_isolation.technologies.nested import given, numbers, start
from pytest_isolation.technologies.nested.written import INNER, OUTER, Parts, parts

if TYPE_CHECKING:
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

__all__ = ["Nested"]

LIMITS = {"memory": "memory", "pids": "pids", "cpus": "cpu"}
"""Field of a spec -> the hole of a technology that can keep it."""
TAKE_ROOM = ("memory", "pids")
"""Those for want of which a program does not start; without processor time it starts late."""


class Nested:
    """A box of one technology in a box of another: `--box INNER@OUTER`."""

    name = "nested"
    start_ms = 1500
    doors = ("start",)
    keywords: Mapping[str, str] = {
        INNER: "the technology of the box that is measured: --box INNER@OUTER says both",
        OUTER: "the technology of the box around it; outer.KEY=VALUE is a keyword of its own, or memory and its like",
        "*": "any other keyword is the inner technology's",
    }

    def called(self, spec: BoxSpec) -> str:
        """As its technologies: @ is in no box's name."""
        return f"{spec.option(INNER, '')}-in-{spec.option(OUTER, '')}"

    def meant(self, spec: BoxSpec) -> BoxSpec:
        """The same: both parts are read, so that what is wrong in them is told now.  Raises UsageError."""
        if spec.option(INNER) is not None:
            parts(spec)
        return spec

    def weakenings(self) -> Weakenings:
        """None: a hole in one of them is none of both."""
        return frozenset()

    def check_available(self, spec: BoxSpec) -> None:
        both = self._check(spec)
        technology(both.outer.technology).check_available(both.outer)
        technology(both.inner.technology).check_available(both.inner)

    def _check(self, spec: BoxSpec) -> Parts:
        """What needs no answer of either technology, which see what a check asks only at their start."""
        refuse_unknown_holes(self, spec)
        if spec.option(INNER) is None:
            raise Unavailable("no technologies were named", "name two: --box INNER@OUTER, such as bubblewrap@docker")
        both = parts(spec)
        given.check(both.outer.technology)
        return both

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        """The versions of both, inner first."""
        both = parts(spec)
        found = {key: dict(technology(one.technology).facts(one)) for key, one in both.named.items()}
        return {"version": " in ".join(str(facts.get("version", "")) for facts in found.values())} | found

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        both = self._check(spec)

        def made(undo: ExitStack) -> BoxHandle:
            asked = _as_asked(spec, both, lifetime, undo)
            # Not those that were written for the outer one: with them it starts, or never does.
            added = any(getattr(asked.outer, field) != getattr(both.outer, field) for field in TAKE_ROOM)
            return _parts(asked, lifetime, undo, short_of_room=added)

        return start_box(spec, made)

    def clean(self, kind: str, handle: str) -> bool:
        """Nothing: what the inner one has made is in the outer one, and ends with it."""
        return False


def _as_asked(spec: BoxSpec, both: Parts, lifetime: Lifetime, undo: ExitStack) -> Parts:
    """Both specs with what the box is asked to have, each at the one that gives it."""
    # What the caller has open and what stands beside are the host's: the inner one's technology cannot reach them.
    inner, outer = replace(both.inner, caller=NOBODY, started_beside=None), replace(both.outer, caller=spec.caller)
    keeps = technology(outer.technology).weakenings()
    for field, hole in LIMITS.items():
        if unlimited(hole) in keeps and getattr(outer, field) is None:
            given_to_outer: dict[str, Any] = {field: getattr(inner, field)}
            left_to_inner: dict[str, Any] = {field: None}
            outer, inner = replace(outer, **given_to_outer), replace(inner, **left_to_inner)
    made = Building(inner, lifetime, undo).given_volumes(keeps_read_only=True)
    through = [replace(one.volume, source=os.fspath(one.directory), tree=None) for one in made]
    # At the same path in the outer box: there the inner technology finds what it is to mount.
    passed = tuple(replace(one, target=str(one.source)) for one in through)
    outer = replace(outer, volumes=(*outer.volumes, *given.volumes(), *passed))
    return Parts(replace(inner, volumes=tuple(through)), outer)


def _parts(both: Parts, lifetime: Lifetime, undo: ExitStack, *, short_of_room: bool) -> BoxHandle:
    """`short_of_room`: the outer one was given a limit that was meant for the inner one alone."""
    outer = technology(both.outer.technology).launch(both.outer, lifetime)
    undo.callback(outer.close)
    if outer.parts.host is not LOCAL_HOST or outer.parts.init_pid is None:
        raise Unavailable(
            f"{both.outer.technology} has its boxes on another machine or in one of their own, where this host's "
            "programs are not",
            "name an outer technology whose boxes this host sees, or measure inside: pytest-isolation in-vm",
        )
    try:
        agent, told = start.inner(outer, both.inner)
    except Unsupported as error:  # there is such a box, and it cannot have what is asked of it
        raise Unsupported(f"{both.inner.technology} in {both.outer.technology}: {error.reason}", error.remedy) from None
    except Lacking as error:
        raise _refused(both, error.reason, error.remedy, short_of_room) from None
    except BoxError as error:
        raise _refused(both, in_one_line(error), "", short_of_room) from None
    undo.callback(agent.close)
    init = numbers.on_host(told.init_pid, outer.parts.init_pid) if told.init_pid is not None else None
    root = Path(f"/proc/{outer.parts.init_pid}/root{os.path.normpath(told.root)}") if told.root else None
    return BoxHandle(
        agent=agent,
        init_pid=init,
        group=numbers.of_inner(outer.parts.group, init, outer.parts.init_pid, start.PROGRAMS),
        root=root,
        volumes={one.target: Path(one.source) for one in both.inner.volumes if one.source is not None},
        shares_kernel=told.shares_kernel and outer.parts.shares_kernel,
        agent_path=told.agent_path,
        deadly_limits=outer.parts.deadly_limits or told.deadly_limits,
        notes=[*outer.parts.notes, *told.notes],
    )


def _refused(both: Parts, reason: str, remedy: str, short_of_room: bool) -> Unavailable | Unsupported:
    inner, outer = both.inner.technology, both.outer.technology
    if short_of_room:
        return Unsupported(f"{inner} itself may have no room within the limits that {outer} was given: {reason}")
    hint = f"give {outer} what {inner} needs (docs/technologies/nested.md), such as outer.cap_add=SYS_ADMIN"
    return Unavailable(f"{outer}, as it is started here, does not let {inner} start in it: {reason}", remedy or hint)
