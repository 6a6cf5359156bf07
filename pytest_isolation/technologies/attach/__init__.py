"""Any running process' box: an LXC container, a pod, a systemd service, a bwrap sandbox, by the pid of one of its own.

There is no exec to go through: a process of ours joins the box and makes itself as its target is (join.py), then
the properties of both are compared (likeness.py). A verdict that rests on a property which differs is unsupported.
"""

from __future__ import annotations

import platform
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.handle import HOLDS, VIOLATED, BoxHandle, Discrepancy
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import inject
from pytest_isolation.technologies.attach import likeness, target
from pytest_isolation.technologies.attach.join import Joining
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

__all__ = ["Attach"]


ABOUT_NEIGHBOURS = (
    "ipc.sibling-*",
    "mnt.*-not-shared",
    "net.*-spoof-denied",
    "net.bridge-icc",
    "net.sibling-*",
    "pid.siblings-hidden",
    "secret.*-unread-by-siblings",
)
NEIGHBOURS = Discrepancy(
    "the box beside it is a plain one: what its real neighbours share with it is recorded nowhere",
    ABOUT_NEIGHBOURS,
    HOLDS,
)
"""What breaks beside a plain box breaks beside any; what holds there may not hold for who is in its pod or network."""

DOOR = Discrepancy(
    "nobody's door was gone through: a process of ours joined the box by itself", ("exec.*",), HOLDS | VIOLATED
)


class Attach:
    """A running box of somebody else's, by the number of a process in it: docs/technologies/attach.md."""

    name = "attach"
    start_ms = 50
    doors = ("exec",)
    keywords: Mapping[str, str] = {"pid": "a process of the box, by this host's number; it is left as it was"}

    def weakenings(self) -> Weakenings:
        """None: the box has the holes it has."""
        return frozenset()

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        inject.check_as_it_is(spec)
        target.find(spec)

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        """The kernel is all there is of a version."""
        found = target.find(spec)
        return {"version": platform.release(), "program": found.name, "namespaces": sorted(found.own_namespaces())}

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        inject.check_as_it_is(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        found = target.find(spec)
        joining = Joining(found, undo)
        agent = joining.run()
        return BoxHandle(
            agent=agent,
            init_pid=found.pid,
            group=found.group(),
            root=found.place / "root",
            enter=lambda: joining.run(),
            unlike=joining.unlike,
            unseen=(likeness.UNSEEN, DOOR),
            beside=(NEIGHBOURS,),
            measured=joining.facts(),
        )

    def clean(self, kind: str, handle: str) -> bool:
        """Nothing: a process of ours in the box ends with us, and nothing else is made."""
        return False
