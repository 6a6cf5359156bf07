"""chroot(2): another root directory and nothing else."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from pytest_isolation.agent.shortcuts import must
from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.handle import BoxHandle, Life
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import Pipes, start_local
from pytest_isolation.boxes.rights import capabilities
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import CONFIGURATION_LOSSES, IMAGE_LOSSES, ROAD_LOSSES, SKEWED, Weakenings, lossy
from pytest_isolation.errors import NOT_ROOT, Unavailable, Unsupported
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import launcher
from pytest_isolation.technologies.base import refuse_lacking, refuse_unknown_holes, start_box
from pytest_isolation.technologies.opens import Opens, by, each, openable
from pytest_isolation.technologies.roads.ours import carrier

OPENS: Opens = {
    **each(IMAGE_LOSSES, lossy, by(launcher.new_root)),
    **each(CONFIGURATION_LOSSES, lossy, by(launcher.become_agent)),
    **each(SKEWED, lossy, by(launcher.become_agent)),
    # Of a carrier of ours, which a box without them has not: chroot(2) sends nothing.
    **each(ROAD_LOSSES, lossy, by(carrier)),
}


class Chroot:
    """A process of the host with a root of its own: chroot(2)."""

    name = "chroot"
    start_ms = 5
    doors = ("start",)
    keywords: Mapping[str, str] = {}

    def weakenings(self) -> Weakenings:
        """It has no defence to leave out; what it carries can still be carried badly."""
        return openable(OPENS)

    def check_available(self, spec: BoxSpec) -> None:
        launcher.check_image(spec)
        refuse_lacking(spec, "memory", "pids", "cpus", "network", "read_only", "hostname")
        if "SYS_CHROOT" not in capabilities():
            raise Unavailable("chroot(2) needs CAP_SYS_CHROOT", cause=NOT_ROOT)

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        return {"version": platform.release()}

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        refuse_unknown_holes(self, spec)
        if spec.read_only or spec.volumes:
            raise Unsupported("chroot(2) mounts nothing: it has no read-only root and no volumes")
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        group = launcher.new_groups(spec, lifetime, Limits(), undo)
        pipes = Pipes()
        undo.callback(pipes.close)
        local = start_local(pass_fds=(*pipes.theirs, *spec.caller.handed), env=dict(spec.caller.variables))
        undo.callback(local.close)
        spec.caller.bring(local.proc)
        root, path = launcher.new_root(spec, lifetime, local.proc, undo)
        child = local.proc.spawn()
        if group is not None:
            group.add(child.pid)
        must(child.chroot(os.fspath(root)), "chroot")
        must(child.chdir("/"), "chdir")
        launcher.become_agent(child, path, spec, pipes)
        agent = launcher.hello(pipes)
        undo.callback(agent.close)
        undo.callback(child.end)
        return BoxHandle(
            agent=agent,
            init_pid=child.pid,
            group=group,
            root=root,
            agent_path=path,
            send=carrier(spec, lifetime),
            life=Life(status=lambda: launcher.status_of(local.proc, child.pid)),
        )

    def clean(self, kind: str, handle: str) -> bool:
        return False
