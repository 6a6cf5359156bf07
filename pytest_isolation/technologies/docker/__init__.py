"""Docker through its SDK: the image is made by us and imported, nothing is ever pulled.

The agent is the container's first process and is spoken to over the attach socket; the exec door is
an exec of the same agent.  Sources: Docker Engine API v1.41, moby oci/defaults.go, docker-py.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.host import remove_directory
from pytest_isolation.boxes.weakenings import Weakenings
from pytest_isolation.errors import BoxError
from pytest_isolation.outside.box import Box
from pytest_isolation.technologies import inject, neighbours
from pytest_isolation.technologies.base import refuse_unknown_holes, start_box
from pytest_isolation.technologies.docker import attach, image, limits, observer
from pytest_isolation.technologies.docker import daemon as daemons
from pytest_isolation.technologies.docker.errors import explained
from pytest_isolation.technologies.docker.holes import OPENS
from pytest_isolation.technologies.docker.keywords import check_keywords
from pytest_isolation.technologies.docker.lacking import WORDS
from pytest_isolation.technologies.docker.start import Start
from pytest_isolation.technologies.limiting import BY_ULIMIT
from pytest_isolation.technologies.opens import openable
from pytest_isolation.technologies.ports import started_with_ports
from pytest_isolation.technologies.wording import BY_OPTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec

__all__ = ["Docker"]


class Docker:
    """Containers of a Docker daemon, on this machine or another."""

    name = "docker"
    lacking = WORDS
    limits_known = BY_ULIMIT
    wording = BY_OPTION
    start_ms = 500
    doors = ("start", "exec")
    keywords: Mapping[str, str] = {
        "host": "the daemon's address: unix:///PATH, tcp://HOST:PORT, ssh://USER@HOST (else DOCKER_HOST, or the usual)",
        "container": "a running container, by name or id: measured through docker exec, and left as it was",
        "runtime": "the OCI runtime, one of those the daemon knows: runsc, crun, kata",
        "*": "any other keyword of containers.run() of the Docker SDK: cap_add=NET_ADMIN+SYS_TIME, ipc_mode=shareable",
    }

    def weakenings(self) -> Weakenings:
        return openable(OPENS)

    def meant(self, spec: BoxSpec) -> BoxSpec:
        """`spec` with limits in the fields that every box has.  Raises UsageError."""
        return limits.meant(spec)

    def check_available(self, spec: BoxSpec) -> None:
        refuse_unknown_holes(self, spec)
        check_keywords(spec)
        daemon = daemons.connect(spec.option("host"))
        daemon.check_answers()
        daemon.check_runtime(spec.option("runtime"))
        if spec.attached:
            inject.check_as_it_is(spec)
            attach.find(daemon, str(spec.option("container")))
            if daemon.is_ours:
                inject.check_may_inject(here=True)
        elif isinstance(spec.image, str):
            image.find(daemon, spec.image)

    def facts(self, spec: BoxSpec) -> Mapping[str, Any]:
        daemon = daemons.connect(spec.option("host"))
        daemon.check_answers()
        if spec.attached:
            return daemon.facts() | attach.facts(daemon, str(spec.option("container")))
        return daemon.facts() | {
            "own_users": daemon.maps_users(spec.option("userns_mode")),
            "runtime": spec.option("runtime", daemon.info.get("DefaultRuntime", "")),
        }

    def launch(self, spec: BoxSpec, lifetime: Lifetime) -> Box:
        self.check_available(spec)
        return start_box(
            spec,
            lambda undo: started_with_ports(
                spec, "ports", undo, lambda asked, inner: self._parts(asked, lifetime, inner)
            ),
        )

    def _parts(self, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> BoxHandle:
        make = attach.Attached if spec.attached else Start
        start = make(daemons.connect(spec.option("host")), spec, lifetime, undo)
        with neighbours.or_unsupported(spec), explained(f"starting {spec.id}"):
            return start.run()

    def clean(self, kind: str, handle: str) -> bool:
        """`container`, `image` and `volume`, by the names registered before they were made; nothing without our label.

        `injected`: the agent's mount in somebody else's container.  `directory`: a witness', on the daemon's machine.
        """
        name, _, host = handle.partition(" ")
        daemon = daemons.connect(host or None)
        daemon.check_answers()
        with explained(f"removing the {kind} {name}"):
            if kind == "injected":
                return attach.eject(daemon, name)
            if kind == "directory":
                with observer.once(daemon) as there:
                    return remove_directory(there.path(name))
            if kind == "container":
                return daemon.remove_container(name)
            if kind == "volume":
                return daemon.remove_volume(name)
            if kind == "image":
                return daemon.remove_image(name)
        raise BoxError(f"docker:{kind} is nothing this version knows how to remove; remove {name} by hand")
