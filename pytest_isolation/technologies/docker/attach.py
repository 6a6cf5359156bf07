"""A running container of somebody else's: measured through `docker exec`, and left as it was."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_isolation.boxes import cgroups
from pytest_isolation.boxes.handle import BoxHandle
from pytest_isolation.boxes.host import LOCAL_HOST, Host
from pytest_isolation.boxes.lifetime import Lifetime
from pytest_isolation.boxes.neighbourhood import Neighbourhood
from pytest_isolation.errors import ProcLost, Unavailable
from pytest_isolation.technologies import inject, inspected, neighbours
from pytest_isolation.technologies.docker import observer, stream
from pytest_isolation.technologies.docker.daemon import Daemon, mounts_of
from pytest_isolation.technologies.docker.errors import explained
from pytest_isolation.technologies.identity import kernel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack

    from pytest_isolation.agent.client import Agent
    from pytest_isolation.boxes.spec import BoxSpec

TARGET = "/.dockerenv"
"""An empty file that Docker makes in the root of every container."""


def find(daemon: Daemon, name: str) -> dict[str, Any]:
    """What the daemon knows of the running container `name`.  Raises Unavailable."""
    from docker.errors import NotFound

    with explained(f"looking for the container {name}"):
        try:
            found: dict[str, Any] = daemon.api.inspect_container(name)
        except NotFound:
            raise Unavailable(
                f"the Docker daemon has no container {name!r}", "`docker ps` shows those there are"
            ) from None
    inject.refuse_dead(found["State"], name)
    return found


def facts(daemon: Daemon, name: str) -> dict[str, Any]:
    """How the container was started, by the words of containers.run(): what its claims depend on."""
    found = find(daemon, name)
    host = found["HostConfig"]
    return {
        "container": found["Id"],
        "image": found["Config"].get("Image"),
        "runtime": host.get("Runtime"),
        "privileged": bool(host.get("Privileged")),
        "pid_mode": host.get("PidMode") or None,
        "ipc_mode": host.get("IpcMode") or None,
        "network": host.get("NetworkMode"),
        "own_users": daemon.maps_users(host.get("UsernsMode")),
        "devices": [one.get("PathOnHost") for one in host.get("Devices") or ()] or None,
        "device_cgroup_rules": host.get("DeviceCgroupRules") or None,
        "cgroupns": host.get("CgroupnsMode") or None,
        **inspected.options_of(host),
    }


def neighbourhood(daemon: Daemon, found: Mapping[str, Any]) -> Neighbourhood:
    """What the neighbours of a container share with it; the others that run are asked for, and nothing else."""
    from docker.errors import NotFound

    others = []
    for one in daemon.api.containers():
        if one["Id"] != found["Id"]:
            with suppress(NotFound):  # it has just ended
                others.append(daemon.api.inspect_container(one["Id"]))
    return neighbours.of(found, others)


class Attached:
    """One container of somebody else's."""

    def __init__(self, daemon: Daemon, spec: BoxSpec, lifetime: Lifetime, undo: ExitStack) -> None:
        self.daemon, self.spec, self.lifetime, self.undo = daemon, spec, lifetime, undo
        self.name = str(spec.option("container"))
        self.id = ""
        self.pid: int | None = None
        self.host: Host = LOCAL_HOST

    def run(self) -> BoxHandle:
        """Raises Unavailable, Unsupported, BoxError."""
        inject.check_as_it_is(self.spec)
        found = find(self.daemon, self.name)
        self.id, self.pid = found["Id"], int(found["State"]["Pid"])
        self.host = observer.host_of(self.daemon, self.lifetime)
        groups = cgroups.places_of(self.pid, self.id, self.host)
        if self.host is LOCAL_HOST:
            inject.check_may_inject(groups is not None)
        around = neighbourhood(self.daemon, found)
        agent = self.enter()
        self.undo.callback(agent.close)
        shared = shares_kernel(agent, self.host)
        return BoxHandle(
            agent=agent,
            host=self.host,
            init_pid=self.pid if shared else None,
            shares_kernel=shared,
            group=cgroups.group_at(groups, self.host) if groups else None,
            root=inspected.merged_root(found, self.host),
            enter=self.enter,
            asked=inspected.limits_of(found["HostConfig"]),
            resources=inspected.resources_of(found["HostConfig"], self.host),
            process_limits=inspected.process_limits_of(found["HostConfig"]),
            notes=inspected.disks_gone(found["HostConfig"], self.host),
            address=inspected.address_of(found),
            id=self.id,
            name=self.name,
            published=inspected.published(found),
            mounted=mounts_of(found),
            neighbourhood=around,
        )

    def enter(self) -> Agent:
        """As `docker exec` does, of the agent where it is injected."""
        assert self.pid is not None
        self.lifetime.register("docker:injected", f"{self.id} {self.daemon.host or ''}".strip())
        with inject.injected(self.pid, TARGET, self.host) as path, explained(f"an exec in {self.name}"):
            made = self.daemon.api.exec_create(self.id, [path], stdin=True, stdout=True, stderr=True)
            channel = stream.channel(self.daemon.api.exec_start(made["Id"], socket=True))
            return stream.hello(channel, self.name)


def shares_kernel(agent: Agent, host: Host) -> bool:
    """Whether the container's kernel is its machine's.  A filter that refuses the question, or kills, is that one's."""
    try:
        with host.start() as outside, agent.proc.spawn() as child:
            return kernel(child) in (kernel(outside.proc), ("", ""))
    except ProcLost:
        return True


def eject(daemon: Daemon, identity: str) -> bool:
    """Undo the injection of a killed run; returns whether there was something to undo."""
    try:
        found = find(daemon, identity)
    except Unavailable:
        return False
    with observer.once(daemon) as host:
        return inject.eject(int(found["State"]["Pid"]), TARGET, host)
