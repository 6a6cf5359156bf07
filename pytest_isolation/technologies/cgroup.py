"""Control groups and nothing else: a process of the host with limits.

What a service with MemoryMax= and TasksMax= has, or a job of a batch system.  Whoever enters does what
cgexec(1) does: joins the group.  Source: cgroups(7).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.agent.binary import agent_binary
from pytest_isolation.agent.shortcuts import must, write
from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.local import Pipes, start_local
from pytest_isolation.boxes.resources import OOM_SCORE, SHM
from pytest_isolation.boxes.weakenings import LIMITS, RESOURCES, Weakenings, drop, unlimited
from pytest_isolation.errors import NO_CONTROL_GROUPS, Unavailable, Unsupported
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.base import refuse_lacking, refuse_unknown_holes, start_box
from pytest_isolation.technologies.opens import Opens, by, each, folded, openable, sets

if TYPE_CHECKING:
    from pytest_isolation.agent.client import Agent
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec


@dataclass(slots=True)
class Plan:
    """What is left out of a box on purpose."""

    enters_group: bool = True


OPENS: Opens = {
    **each((*LIMITS, *(one for one in RESOURCES if one != SHM)), unlimited, by(launcher.limits_of)),
    drop("clean-up"): by(launcher.new_groups),
    drop("exec-group"): sets("enters_group", False),
}


class Cgroup:
    """A process of the host in a control group with the box's limits: cgroups(7)."""

    name = "cgroup"
    start_ms = 10
    doors = ("start", "exec")
    keywords: Mapping[str, str] = {}

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def check_available(self, spec: BoxSpec) -> None:
        refuse_lacking(spec, "image", "network", "read_only", "hostname")
        self._check(spec)

    def _check(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        places = cgroups.hierarchies()
        if not places:
            raise Unavailable("no control group file system is mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        if cgroups.delegated() is None and not all(os.access(place, os.W_OK) for place in places.values()):
            raise Unavailable("this user may not make control groups", cause=NO_CONTROL_GROUPS)

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        return {"version": platform.release(), "controllers": sorted(cgroups.hierarchies())}

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self._check(spec)
        if spec.image is not None or spec.read_only or spec.volumes or SHM in dict(spec.resources):
            raise Unsupported(
                "a control group has no image, no root of its own to make read-only, no volumes, and no /dev/shm"
            )
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        start = _Start(spec, lifetime, undo)
        agent, pid = start.process(joins=True)
        undo.callback(agent.close)
        return BoxHandle(
            agent=agent,
            init_pid=pid,
            group=start.group,
            root=Path("/"),
            enter=start.enter,
            agent_path=start.path,
        )

    def clean(self, kind: str, handle: str) -> bool:
        return False


class _Start:
    def __init__(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.spec = spec
        self.path = os.fspath(agent_binary())
        self.group = launcher.new_groups(spec, lifetime, launcher.limits_of(spec), undo)

    def process(self, *, joins: bool) -> tuple[Agent, int]:
        """An agent on the host, in the group from its first instruction, and its pid."""
        with ExitStack() as undo:
            pipes, caller = Pipes(), self.spec.caller
            undo.callback(pipes.close)
            local = undo.enter_context(
                start_local(pass_fds=(*pipes.theirs, *caller.handed), env=dict(caller.variables))
            )
            caller.bring(local.proc)
            child = local.proc.spawn()
            undo.callback(child.end)
            if self.group is not None and joins:
                self.group.add(child.pid)
            if (score := dict(launcher.limits_of(self.spec).resources).get(OOM_SCORE)) is not None:
                must(write(child, "/proc/self/oom_score_adj", score.encode()), "its oom_score_adj")
            launcher.become_agent(child, self.path, self.spec, pipes)
            agent = launcher.hello(pipes)
            agent.undo.push(undo.pop_all())
        return agent, child.pid

    def enter(self) -> Agent:
        return self.process(joins=folded(OPENS, Plan(), self.spec).enters_group)[0]
