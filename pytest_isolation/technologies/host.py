"""No isolation at all: a process of the host.  The control every other box is compared with."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pytest_isolation.boxes.cgroups import Limits
from pytest_isolation.boxes.handle import BoxHandle, Life
from pytest_isolation.boxes.life import as_shells_do
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.local import start_local
from pytest_isolation.boxes.spec import BoxSpec
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import NOT_ROOT, BoxError, Unsupported
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies.base import refuse_lacking, refuse_unknown_holes, start_box
from pytest_isolation.technologies.launcher import new_groups


class Host:
    """A bare process of this machine: it isolates nothing."""

    name = "host"
    start_ms = 1
    doors = ("start",)
    keywords: Mapping[str, str] = {}

    def weakenings(self) -> Weakenings:
        """None: there is nothing to open."""
        return frozenset()

    def check_available(self, spec: BoxSpec) -> None:
        """Always, where nothing is asked for that a process of the host cannot have."""
        refuse_lacking(spec, "image", "memory", "pids", "cpus", "network", "read_only", "hostname")

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        return {"version": platform.release()}

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        """A bare process under the guard's limits; limits asked for are not applied: nothing here could."""
        refuse_unknown_holes(self, spec)
        if spec.image is not None or spec.read_only or spec.volumes:
            raise Unsupported("the bare host has no image, no root of its own to make read-only, and no volumes")
        if os.geteuid() != 0 and (spec.uid or spec.gid):
            raise Unsupported(f"this user cannot start a process as {spec.uid}:{spec.gid}", cause=NOT_ROOT)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        group = new_groups(spec, lifetime, Limits(), undo)
        try:
            local = start_local(
                env=dict(os.environ) | dict(spec.caller.variables) | dict(spec.env),
                pass_fds=spec.caller.handed,
                cwd=spec.workdir,
                identity=(spec.uid, spec.gid) if spec.uid or spec.gid else None,
            )
        except OSError as error:
            asked = f"workdir={spec.workdir}, uid={spec.uid}, gid={spec.gid}"
            raise BoxError(
                f"a process with {asked} could not be started: {error}; name a directory and ids that exist here"
            ) from None
        undo.callback(local.close)
        spec.caller.bring(local.proc)
        if group is not None:
            group.add(local.pid)
        return BoxHandle(
            agent=local.agent,
            init_pid=local.pid,
            group=group,
            root=Path("/"),
            life=Life(status=lambda: as_shells_do(local.process.wait(60))),
        )

    def clean(self, kind: str, handle: str) -> bool:
        return False
