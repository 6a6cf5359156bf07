"""A running container of somebody else's: measured through `podman exec`, and left as it was."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.neighbourhood import Neighbourhood
from pytest_isolation.errors import BoxError, Unavailable
from pytest_isolation.technologies import inject, inspected, launcher, neighbours
from pytest_isolation.technologies.podman import door

if TYPE_CHECKING:
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent
    from pytest_isolation.boxes.lifetime import Lifetime
    from pytest_isolation.boxes.spec import BoxSpec
    from pytest_isolation.technologies.podman.engine import Engine

TARGET = "/run/.containerenv"
"""A file that Podman mounts in every container: podman-run(1)."""


def find(engine: Engine, name: str) -> dict[str, Any]:
    """What Podman knows of the running container `name`.  Raises Unavailable."""
    whose = "this user's" if engine.account is None else f"{engine.account.name}'s"
    try:
        (found,) = json.loads(engine.command("container", "inspect", name))
    except BoxError as error:
        if "no such container" not in str(error).lower():
            raise
        raise Unavailable(
            f"{whose} Podman has no container {name!r}",
            "`podman ps` shows those there are; another user's needs rootless=true,user=NAME",
        ) from None
    inject.refuse_dead(found["State"], name)
    return dict(found)


def facts(engine: Engine, name: str) -> dict[str, Any]:
    """How the container was started, by the words of podman-run(1): what its claims depend on."""
    found = find(engine, name)
    host = found["HostConfig"]
    networks = _networks(found["Config"].get("CreateCommand") or [])
    return {
        "container": found["Id"],
        "image": found.get("ImageName"),
        "runtime": found.get("OCIRuntime"),
        "privileged": bool(host.get("Privileged")),
        "pid": _unless_private(host.get("PidMode")),
        "ipc": _unless_private(host.get("IpcMode")),
        "network": host.get("NetworkMode"),
        "own_users": host.get("UsernsMode") not in (None, "", "host"),
        "host_loopback": any(map(engine.opens_loopback, networks or [host.get("NetworkMode")])),
        "cgroupns": host.get("CgroupMode") or None,
        **inspected.options_of(host),
    }


def _networks(command: list[str]) -> list[str]:
    """The values of --network among the words that made the container: inspect has the mode without its options."""
    after = [value for word, value in pairwise(command) if word in ("--network", "--net")]
    return after + [word.partition("=")[2] for word in command if word.startswith(("--network=", "--net="))]


def _unless_private(mode: str | None) -> str | None:
    return None if mode in (None, "", "private", "shareable") else mode


def neighbourhood(engine: Engine, found: dict[str, Any]) -> Neighbourhood:
    """What the neighbours of a container share with it; the others that run are asked for, and nothing else."""
    ids = [one for one in engine.command("ps", "--quiet", "--no-trunc").split() if one != found["Id"]]
    others = []
    for one in ids:
        with suppress(BoxError):  # it has just ended
            others += json.loads(engine.command("container", "inspect", one))
    return neighbours.of(found, others)


class Attached:
    """One container of somebody else's."""

    def __init__(self, engine: Engine, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.engine, self.spec, self.lifetime, self.undo = engine, spec, lifetime, undo
        self.name = str(spec.option("container"))
        self.id = ""
        self.pid = 0
        self._guard: cgroups.Group | None = None

    def run(self) -> BoxHandle:
        """Raises Unavailable, Unsupported, BoxError."""
        inject.check_as_it_is(self.spec)
        found = find(self.engine, self.name)
        self.id, self.pid = found["Id"], int(found["State"]["Pid"])
        self.engine.keep_quiet(self.lifetime)
        # Rootless on v1 it has no group of its own.
        groups = cgroups.places_of(self.pid, self.id)
        inject.check_may_inject(Path(f"/proc/{self.pid}").exists())
        around = neighbourhood(self.engine, found)
        self._guard = self.lifetime.new_group(self.spec.name, launcher.GUARD)
        if self._guard is not None:
            self.undo.callback(self._guard.remove)
        return BoxHandle(
            agent=self.enter(),
            init_pid=self.pid,
            group=cgroups.group_at(groups) if groups else None,
            root=None if self.engine.rootless else inspected.merged_root(found),
            enter=self.enter,
            asked=inspected.limits_of(found["HostConfig"]),
            resources=inspected.resources_of(found["HostConfig"]),
            process_limits=inspected.process_limits_of(found["HostConfig"]),
            notes=inspected.disks_gone(found["HostConfig"]),
            address=inspected.address_of(found),
            id=self.id,
            name=self.name,
            published=inspected.published(found),
            neighbourhood=around,
        )

    def enter(self) -> Agent:
        """As `podman exec` does, of the agent where it is injected."""
        self.lifetime.register("podman:injected", self.engine.handle(self.id))
        with inject.injected(self.pid, TARGET) as path:
            try:
                return door.enter(self.engine, self.id, path, self._guard, self.undo)
            except BoxError as error:
                raise BoxError(f"the container {self.name}: {error}. {inject.WHAT_ENDS_IT}") from None


def eject(engine: Engine, identity: str) -> bool:
    """Undo the injection of a killed run; returns whether there was something to undo."""
    try:
        found = find(engine, identity)
    except Unavailable:
        return False
    return inject.eject(int(found["State"]["Pid"]), TARGET)
