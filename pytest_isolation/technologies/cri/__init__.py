"""Pods: what speaks the Container Runtime Interface, v1, as containerd does; asked by gRPC, as a kubelet asks it.

A box is a container in a pod of its own.  The agent's channel is the container's input and output; the exec door is
the interface's exec.  The images, of a pod's first container too, are made by us, and nothing is pulled.  Where no
runtime of the machine speaks the interface, the run has a containerd of its own.
Source: kubernetes/cri-api, api.proto.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import Unavailable
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import inject, program
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box
from pytest_isolation.technologies.cri import attach, client, containerd, images, settings, stream
from pytest_isolation.technologies.cri.holes import OPENS
from pytest_isolation.technologies.cri.lacking import WORDS
from pytest_isolation.technologies.cri.start import Start, default_handler, remove_pods, unavailable_network
from pytest_isolation.technologies.cri.wording import WORDING
from pytest_isolation.technologies.opens import openable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.cri.client import Runtime

__all__ = ["Cri"]


class Cri:
    """Containers of pods."""

    name = "cri"
    lacking = WORDS
    wording = WORDING
    start_ms = 900
    controls_others = False
    """Its library does not stand that a process which has used it forks, as a user's tests may (pytest-forked)."""
    doors = ("start", "exec")
    keywords: Mapping[str, str] = settings.KEYWORDS

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        settings.check(spec)
        client.api()
        stream.check_library()
        runtime = _standing(spec)
        handler = settings.handler(spec)
        if runtime is None:
            containerd.needs()
            if spec.attached:
                raise Unavailable("no runtime here speaks the CRI", "give endpoint=unix:///PATH")
            containerd.check_handler(handler)
            if isinstance(spec.image, str):
                raise Unavailable(
                    f"the run's own containerd has no image {spec.image!r}",
                    "give the endpoint of a runtime that has it",
                )
            return
        runtime.version()
        if spec.attached:
            inject.check_as_it_is(spec)
            inject.check_may_inject(here=True)
            attach.find(runtime, str(spec.option("container")))
            return
        self._check_standing(runtime, spec, handler)

    def _check_standing(self, runtime: Runtime, spec: BoxSpec, handler: str) -> None:
        program.find("ctr", "containerd")
        found = runtime.configuration()
        known = sorted((found.get("containerd") or {}).get("runtimes") or ())
        if handler and known and handler not in known:
            raise Unavailable(
                f"the runtime at {runtime.endpoint} has no handler {handler!r}; it has {', '.join(known)}",
                "name it in its configuration, and restart it",
            )
        pause = found.get("sandboxImage")
        if pause and runtime.has_image(str(pause)) is None:
            raise Unavailable(
                f"the runtime at {runtime.endpoint} has no image {pause!r}, which each pod needs: nothing is pulled",
                f"ctr --namespace k8s.io images pull {pause}",
            )
        if spec.network is None and (lacking := unavailable_network(runtime)) is not None:
            raise lacking
        if isinstance(spec.image, str):
            images.check(runtime, spec.image)

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        runtime = _standing(spec)
        cgroup = "v2" if cgroups.mode() == "v2" else "v1"
        if runtime is None:
            said = program.version("containerd", "containerd").split()
            return {
                "version": said[2].lstrip("v"),
                "runtime": settings.handler(spec) or "runc",
                "endpoint": "the run's own",
                "cgroup": cgroup,
                "own_users": False,
            }
        found = runtime.version()
        known = {
            "version": found.runtime_version.lstrip("v"),
            "engine": found.runtime_name,
            "runtime": settings.handler(spec) or default_handler(runtime),
            "endpoint": runtime.endpoint,
            "cgroup": cgroup,
            "own_users": False,
        }
        return known | attach.facts(runtime, str(spec.option("container"))) if spec.attached else known

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(spec, lambda undo: self._parts(spec, lifetime, undo))

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        runtime = _standing(spec) or client.connect(containerd.ours(lifetime))
        make = attach.Attached if spec.attached else Start
        return make(runtime, spec, lifetime, undo).run()

    def clean(self, kind: str, handle: str) -> bool:
        """`containerd`: of a run's own, all that it left.  The others are a name and an endpoint: `pod`, `image`, and
        `injected`, the agent's mount in a container of somebody else's."""
        if kind == "containerd":
            return containerd.remove(handle)
        name, _, endpoint = handle.partition(" ")
        try:
            if kind == "injected":
                return attach.eject(name, endpoint)
            runtime = client.connect(endpoint)
            return remove_pods(runtime, name) if kind == "pod" else images.remove(runtime, name)
        except Unavailable:
            # The run's own, which ended with it: what it had goes with its directory.
            if containerd.is_ours(endpoint):
                return False
            raise


def _standing(spec: BoxSpec) -> Runtime | None:
    """The runtime that is named, or that runs here; None where the run is to have its own."""
    endpoint = spec.option("endpoint")
    found = str(endpoint) if endpoint is not None else client.standing()
    return None if found is None else client.connect(found)
