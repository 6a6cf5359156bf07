"""Podman through its own command: as root, or rootless.  The image is made by us and imported, nothing is pulled.

`podman run --interactive` carries the agent's channel on its standard input and output; the exec door is
`podman exec`.  Sources: podman-run(1), podman(1), containers.conf(5).
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import inject, neighbours
from pytest_isolation.technologies.base import quota, refuse_unknown_holes, start_box
from pytest_isolation.technologies.docker.limits import check_swap
from pytest_isolation.technologies.limiting import BY_ULIMIT
from pytest_isolation.technologies.opens import openable
from pytest_isolation.technologies.podman import arguments, attach, available
from pytest_isolation.technologies.podman.available import engine_for
from pytest_isolation.technologies.podman.engine import Engine
from pytest_isolation.technologies.podman.holes import OPENS
from pytest_isolation.technologies.podman.lacking import WORDS
from pytest_isolation.technologies.podman.start import Start
from pytest_isolation.technologies.ports import started_with_ports
from pytest_isolation.technologies.wording import BY_OPTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

__all__ = ["Podman"]


class Podman:
    """Containers of Podman, with root or without."""

    name = "podman"
    lacking = WORDS
    limits_known = BY_ULIMIT
    wording = BY_OPTION
    start_ms = 400
    doors = ("start", "exec")
    keywords: Mapping[str, str] = {
        "container": "a running container, by name or id: measured through podman exec, and left as it was",
        "rootless": "true: as a user without privileges; always so when you are none",
        "user": "with rootless, and started as root: whose Podman it is (default: the first account of /etc/subuid)",
        "runtime": "the OCI runtime: runc, crun (default: Podman's own, or runc where that one refuses this host)",
        "*": "any other option of podman run, with _ for -: cap_add=NET_ADMIN+SYS_TIME, security_opt=label=disable",
    }

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def meant(self, spec: BoxSpec) -> BoxSpec:
        """`spec` with limits in the fields that every box has.  Raises UsageError."""
        spec = quota(spec)
        check_swap(spec, "memory_swap")
        return spec

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        engine = engine_for(spec)
        arguments.check(spec, engine)
        available.check(engine, spec)
        if spec.attached:
            inject.check_as_it_is(spec)
            inject.check_may_inject(here=True)
            attach.find(engine, str(spec.option("container")))

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        engine = engine_for(spec)
        found = available.facts(engine, spec) | arguments.opted(spec, engine)
        return found | attach.facts(engine, str(spec.option("container"))) if spec.attached else found

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(
            spec,
            lambda undo: started_with_ports(
                spec, "publish", undo, lambda asked, inner: self._parts(asked, lifetime, inner)
            ),
        )

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        make = attach.Attached if spec.attached else Start
        start = make(engine_for(spec), spec, lifetime, undo)
        with neighbours.or_unsupported(spec):
            return start.run()

    def clean(self, kind: str, handle: str) -> bool:
        """`container`, `image` and `pause`, as the engine registered them: a name, and whose Podman it was.

        That of `pause` says where that run looked for it: `pause?TMPDIR=%2Fx`.

        `injected`: the agent's mount in a container of somebody else's.
        """
        name, _, user = handle.partition(" ")
        if kind == "injected":
            return attach.eject(Engine.of(user or None), name)
        return Engine.of(user or None).remove(kind, name)
